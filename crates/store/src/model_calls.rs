//! The calls of models: what each has used and cost, what calls under way may cost, and which allowances were announced as used
//! up.

use reef_domain::ids::{AssistantId, JobId, ModelCallId, PersonId};
use reef_domain::{Timestamp, Usd};
use serde_json::json;
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::jobs::NewJob;
use crate::notifications::Notification;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

/// The width of the intervals in which usage by time is summed, in milliseconds. Days begin at a multiple of it in every time
/// zone.
pub const USAGE_INTERVAL_MS: i64 = 15 * 60 * 1000;

/// The kind of the job that [`Tx::request_allowance_notice`] enqueues.
pub const ANNOUNCE_ALLOWANCE: &str = "announce_allowance";

/// A call of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ModelCallRow {
    pub id: ModelCallId,
    pub assistant_id: AssistantId,
    /// Where the question came from.
    pub source: CallSource,
    /// `answer` for the first call of a turn, which is counted as the turn.
    pub kind: &'static str,
    pub model: String,
    pub input_tokens: i64,
    pub output_tokens: i64,
    /// Those of the input tokens that came from the provider's cache.
    pub cached_input_tokens: i64,
    /// `None` if the price is not known.
    pub cost: Option<Usd>,
    pub created_at: Timestamp,
}

/// Where a question came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallSource {
    /// The API.
    Api,
    /// A chat or a topic of it.
    Chat {
        /// The person, if the assistant knows them.
        person: Option<PersonId>,
        /// The chat.
        chat: i64,
        /// The topic; 0 outside topics.
        thread: i64,
    },
}

/// The sums of some calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct UsageSums {
    pub turns: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    /// The sum of the costs that are known; `None` if none is.
    pub cost_micro_usd: Option<i64>,
}

/// The usage of an interval of [`USAGE_INTERVAL_MS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct IntervalUsage {
    /// How many intervals have passed since 1970.
    pub interval_number: i64,
    #[sqlx(flatten)]
    pub sums: UsageSums,
}

/// The usage of a model.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ModelUsage {
    pub model: String,
    #[sqlx(flatten)]
    pub sums: UsageSums,
}

/// The usage of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PersonUsage {
    /// Whether the calls came through the API.
    pub is_api: bool,
    /// `None` for the API, and for people who are not known.
    pub person_id: Option<PersonId>,
    #[sqlx(flatten)]
    pub sums: UsageSums,
}

/// The columns of [`UsageSums`].
macro_rules! sums {
    () => {
        "cast(sum(case when kind = 'answer' then 1 else 0 end) as bigint) as turns,
         cast(sum(input_tokens) as bigint) as input_tokens, cast(sum(output_tokens) as bigint) as output_tokens,
         cast(sum(cost_micro_usd) as bigint) as cost_micro_usd"
    };
}

impl Tx {
    /// Records a call.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_model_call(&mut self, call: &ModelCallRow) -> Result<(), StoreError> {
        let (source, person, chat, thread) = match call.source {
            CallSource::Api => ("api", None, None, None),
            CallSource::Chat { person, chat, thread } => ("chat", person, Some(chat), Some(thread)),
        };
        execute!(
            self,
            "insert into model_calls (id, assistant_id, source, person_id, chat_id, thread_id, kind, model, input_tokens,
                                      output_tokens, cached_input_tokens, cost_micro_usd, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             on conflict (id) do nothing",
            call.id,
            call.assistant_id,
            source,
            person,
            chat,
            thread,
            call.kind,
            &call.model,
            call.input_tokens,
            call.output_tokens,
            call.cached_input_tokens,
            call.cost.map(Usd::micros),
            call.created_at,
        );
        Ok(())
    }

    /// Removes a person from the calls that were made for them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub(crate) async fn erase_person_from_calls(&mut self, person: PersonId) -> Result<(), StoreError> {
        execute!(
            self,
            "update model_calls set person_id = null, chat_id = null, thread_id = null where person_id = $1",
            person,
        );
        Ok(())
    }

    /// Reserves what a call may cost at most.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_call_reservation(
        &mut self,
        id: ModelCallId,
        assistant: AssistantId,
        most: Usd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into call_reservations (id, assistant_id, micro_usd, created_at) values ($1, $2, $3, $4)",
            id,
            assistant,
            most.micros(),
            now,
        );
        Ok(())
    }

    /// Ends a reservation, because the cost is known or there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_call_reservation(&mut self, id: ModelCallId) -> Result<(), StoreError> {
        execute!(self, "delete from call_reservations where id = $1", id);
        Ok(())
    }

    /// Sums what an assistant has spent since a moment, as far as prices are known.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sum_spent(&mut self, assistant: AssistantId, since: Timestamp) -> Result<Usd, StoreError> {
        let sql = "select cast(coalesce(sum(cost_micro_usd), 0) as bigint) from model_calls
                   where assistant_id = $1 and created_at >= $2";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, assistant, since);
        Ok(Usd::from_micros(row.map_or(0, |(micros,)| micros)))
    }

    /// Sums what the calls that are under way since a moment may cost at most.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sum_reserved(
        &mut self,
        assistant: AssistantId,
        since: Timestamp,
    ) -> Result<Usd, StoreError> {
        let sql = "select cast(coalesce(sum(micro_usd), 0) as bigint) from call_reservations
                   where assistant_id = $1 and created_at >= $2";
        let row: Option<(i64,)> = fetch_optional!(self, (i64,), sql, assistant, since);
        Ok(Usd::from_micros(row.map_or(0, |(micros,)| micros)))
    }

    /// Sums the calls of an assistant by interval, oldest first. `until` is not included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sum_usage_by_interval(
        &mut self,
        assistant: AssistantId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<IntervalUsage>, StoreError> {
        const SQLITE: &str = concat!(
            "select created_at / $4 as interval_number, ",
            sums!(),
            " from model_calls where assistant_id = $1 and created_at >= $2 and created_at < $3
              group by 1 order by 1"
        );
        const POSTGRES: &str = concat!(
            "select cast(floor(extract(epoch from created_at) * 1000 / $4) as bigint) as interval_number, ",
            sums!(),
            " from model_calls where assistant_id = $1 and created_at >= $2 and created_at < $3
              group by 1 order by 1"
        );
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        Ok(fetch_all!(self, IntervalUsage, sql, assistant, from, until, USAGE_INTERVAL_MS))
    }

    /// Sums the calls of an assistant by model, in the order of the models' ids. `until` is not included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sum_usage_by_model(
        &mut self,
        assistant: AssistantId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ModelUsage>, StoreError> {
        let sql = concat!(
            "select model, ",
            sums!(),
            " from model_calls where assistant_id = $1 and created_at >= $2 and created_at < $3
              group by model order by model"
        );
        Ok(fetch_all!(self, ModelUsage, sql, assistant, from, until))
    }

    /// Sums the calls of an assistant by person. `until` is not included.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sum_usage_by_person(
        &mut self,
        assistant: AssistantId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<PersonUsage>, StoreError> {
        let sql = concat!(
            "select source = 'api' as is_api, person_id, ",
            sums!(),
            " from model_calls where assistant_id = $1 and created_at >= $2 and created_at < $3
              group by source, person_id order by source, person_id"
        );
        Ok(fetch_all!(self, PersonUsage, sql, assistant, from, until))
    }

    /// Records that a share of an allowance was announced as used up; `false` if it was before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_allowance_notice(
        &mut self,
        assistant: AssistantId,
        (period, starts_on): (&str, &str),
        share: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let inserted = execute!(
            self,
            "insert into allowance_notices (assistant_id, period, starts_on, share, created_at) values ($1, $2, $3, $4, $5)
             on conflict do nothing",
            assistant,
            period,
            starts_on,
            share,
            now,
        );
        Ok(inserted == 1)
    }

    /// Enqueues the job that informs the owner of an allowance that is used up or nearly so.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn request_allowance_notice(
        &mut self,
        job_id: Uuid,
        assistant: AssistantId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let job = NewJob {
            id: JobId::new(job_id),
            kind: ANNOUNCE_ALLOWANCE,
            dedup_key: Some(format!("{ANNOUNCE_ALLOWANCE}:{assistant}")),
            payload: json!({"assistant_id": assistant}),
            run_at: now,
            traceparent: None,
            concurrency_key: None,
        };
        self.enqueue(&job, now).await?;
        self.notify(Notification::NewJobs);
        Ok(())
    }

    /// Deletes calls and notices that nobody asks for anymore.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_model_calls(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        let calls = execute!(self, "delete from model_calls where created_at < $1", before);
        let reservations = execute!(self, "delete from call_reservations where created_at < $1", before);
        let notices = execute!(self, "delete from allowance_notices where created_at < $1", before);
        Ok(calls + reservations + notices)
    }
}
