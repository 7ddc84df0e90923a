//! Model credit of managed assistants: what each paid period added, and the usage of each key.

use reef_domain::ids::AssistantId;
use reef_domain::{Timestamp, Usd};
use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// A hundred years of monthly periods.
const PERIODS_MAX: i64 = 1200;
/// An assistant has one key, and gets another only when that one was lost.
const KEYS_MAX: i64 = 1000;

/// The credit of a paid period.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NewCredit {
    pub id: Uuid,
    pub assistant_id: AssistantId,
    /// Polar's order for the period, if it is known.
    pub order_id: Option<String>,
    /// When the period ends, if it is known.
    pub period_end: Option<Timestamp>,
    pub amount: Usd,
}

/// The usage of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedKeyUsage {
    /// OpenRouter's name for the key.
    pub hash: String,
    /// The total, as it was last read.
    pub usage: Usd,
}

#[derive(FromRow)]
struct Period {
    id: Uuid,
    order_id: Option<String>,
    period_end: Option<Timestamp>,
}

impl Period {
    /// Whether both have the same order or the same end.
    fn matches(&self, new: &NewCredit) -> bool {
        let same_order = self.order_id.is_some() && self.order_id == new.order_id;
        let same_end = self.period_end.is_some() && self.period_end == new.period_end;
        same_order || same_end
    }

    /// Whether both may be the same period, each identified by only one of order and end. The two events of one payment
    /// arrive in any order, and one of them may name only the order, the other only the end.
    fn may_match(&self, new: &NewCredit) -> bool {
        let knows = (self.order_id.is_some(), self.period_end.is_some());
        let named = (new.order_id.is_some(), new.period_end.is_some());
        // An event that names neither means a known period, and a period known by neither may be any.
        named == (false, false) || knows == (false, false) || (knows.0 != named.0 && knows.1 != named.1)
    }
}

impl Tx {
    /// Adds the credit of a paid period; `false` when that period was added before. The assistant must be locked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_credit(&mut self, new: &NewCredit, now: Timestamp) -> Result<bool, StoreError> {
        let periods: Vec<Period> = fetch_all!(
            self,
            Period,
            "select id, order_id, period_end from managed_credits where assistant_id = $1
             order by credited_at desc, id desc limit $2",
            new.assistant_id,
            PERIODS_MAX,
        );
        let same = periods.iter().find(|period| period.matches(new));
        if let Some(known) = same.or_else(|| periods.iter().find(|period| period.may_match(new))) {
            // Adds what the earlier event did not name, unless another row has that order or end.
            let order = new.order_id.as_ref();
            let order =
                order.filter(|id| !periods.iter().any(|period| period.order_id.as_ref() == Some(*id)));
            let end = new.period_end;
            let end = end.filter(|end| !periods.iter().any(|period| period.period_end == Some(*end)));
            execute!(
                self,
                "update managed_credits set order_id = coalesce(order_id, $2), period_end = coalesce(period_end, $3)
                 where id = $1",
                known.id,
                order,
                end,
            );
            return Ok(false);
        }
        execute!(
            self,
            "insert into managed_credits (id, assistant_id, order_id, period_end, amount_micros, credited_at)
             values ($1, $2, $3, $4, $5, $6)",
            new.id,
            new.assistant_id,
            &new.order_id,
            new.period_end,
            new.amount.micros(),
            now,
        );
        Ok(true)
    }

    /// Finds the sum of all credit of an assistant; `None` when no period has added any.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_credit(&mut self, assistant: AssistantId) -> Result<Option<Usd>, StoreError> {
        let row: Option<(Option<i64>,)> = fetch_optional!(
            self,
            (Option<i64>,),
            "select cast(sum(amount_micros) as bigint) from managed_credits where assistant_id = $1",
            assistant,
        );
        Ok(row.and_then(|(sum,)| sum).map(Usd::from_micros))
    }

    /// Records the usage of a key. It never becomes smaller.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_managed_key_usage(
        &mut self,
        assistant: AssistantId,
        hash: &str,
        usage: Usd,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into managed_keys (hash, assistant_id, usage_micros, read_at) values ($1, $2, $3, $4)
             on conflict (hash) do update set read_at = excluded.read_at,
                    usage_micros = case when excluded.usage_micros > managed_keys.usage_micros
                                        then excluded.usage_micros else managed_keys.usage_micros end",
            hash,
            assistant,
            usage.micros(),
            now,
        );
        Ok(())
    }

    /// Lists the usage of each key of an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_managed_key_usage(
        &mut self,
        assistant: AssistantId,
    ) -> Result<Vec<ManagedKeyUsage>, StoreError> {
        let rows: Vec<(String, i64)> = fetch_all!(
            self,
            (String, i64),
            "select hash, usage_micros from managed_keys where assistant_id = $1 order by hash limit $2",
            assistant,
            KEYS_MAX,
        );
        Ok(rows
            .into_iter()
            .map(|(hash, used)| ManagedKeyUsage { hash, usage: Usd::from_micros(used) })
            .collect())
    }

    /// Whether there is any managed key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn has_managed_keys(&mut self) -> Result<bool, StoreError> {
        let row: Option<(String,)> =
            fetch_optional!(self, (String,), "select hash from managed_keys limit 1");
        Ok(row.is_some())
    }

    /// Deletes the managed key of an assistant if it is this one, after OpenRouter has lost or deleted it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_managed_key(&mut self, id: AssistantId, hash: &str) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set model_key = null, managed_key_hash = null, model_key_fingerprint = null,
                    model_key_set_at = null
             where id = $1 and managed_key_hash = $2",
            id,
            hash,
        );
        Ok(())
    }

    /// Records that a model request of an assistant was refused for lack of credit.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_credit_refusal(&mut self, id: AssistantId, now: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update assistants set credit_refused_at = $2 where id = $1", id, now);
        Ok(())
    }

    /// Lists assistants with refused requests that were not handled since.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_assistants_refused_credit(
        &mut self,
        limit: i64,
    ) -> Result<Vec<AssistantId>, StoreError> {
        let rows: Vec<(AssistantId,)> = fetch_all!(
            self,
            (AssistantId,),
            "select id from assistants where credit_refused_at is not null order by id limit $1",
            limit,
        );
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Finds the credit whose exhaustion the owner was last notified of.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_exhausted_credit(&mut self, id: AssistantId) -> Result<Option<Usd>, StoreError> {
        let sql = "select exhausted_credit_micros from assistants where id = $1";
        let row: Option<(Option<i64>,)> = fetch_optional!(self, (Option<i64>,), sql, id);
        Ok(row.and_then(|(micros,)| micros).map(Usd::from_micros))
    }

    /// Records that the refusals were handled, and the credit whose exhaustion the owner is notified of; `None` leaves
    /// that as it is.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_exhausted_credit(
        &mut self,
        id: AssistantId,
        credit: Option<Usd>,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set exhausted_credit_micros = coalesce($2, exhausted_credit_micros),
                    credit_refused_at = null
             where id = $1",
            id,
            credit.map(Usd::micros),
        );
        Ok(())
    }
}
