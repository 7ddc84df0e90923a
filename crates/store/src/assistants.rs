//! Assistants: a row becomes a state by matching its nullable columns, and nothing else passes.

use reef_domain::assistant::{Config, Payment};
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::state::Run;
use reef_domain::wire::{ApiMode, PaymentStatus, Provider, Status};
use reef_domain::{Assistant, FailureCode, State, Timestamp};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

#[derive(FromRow)]
struct Row {
    id: AssistantId,
    user_id: UserId,
    mode: String,
    status: String,
    worker_name: Option<String>,
    generation: Option<i64>,
    deadline: Option<Timestamp>,
    worker_url: Option<String>,
    failure: Option<String>,
    payment_status: String,
    subscription_id: Option<String>,
    current_period_end: Option<Timestamp>,
    canceled_at: Option<Timestamp>,
    name: Option<String>,
    provider: Option<String>,
    model_id: Option<String>,
    callback_url: Option<String>,
    sequence: i64,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The columns of [`Row`], for every statement that reads one.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, user_id, mode, status, worker_name, generation, deadline, worker_url, failure,
                    payment_status, subscription_id, current_period_end, canceled_at, name, provider, model_id,
                    callback_url, sequence, version, created_at, updated_at from assistants ",
            $rest
        )
    };
}

/// The state as its columns.
struct Columns<'a> {
    status: &'static str,
    worker_name: Option<&'a str>,
    generation: Option<i64>,
    deadline: Option<Timestamp>,
    worker_url: Option<&'a str>,
    failure: Option<&'static str>,
}

impl<'a> From<&'a State> for Columns<'a> {
    fn from(state: &'a State) -> Self {
        let run = state.run();
        Self {
            status: state.status().as_str(),
            worker_name: run.map(|run| run.worker_name.as_str()),
            generation: run.map(|run| run.generation),
            deadline: match state {
                State::Deploying { deadline, .. } => Some(*deadline),
                _ => None,
            },
            worker_url: state.worker_url(),
            failure: state.failure().map(FailureCode::as_str),
        }
    }
}

impl Row {
    fn state(&self) -> Option<State> {
        let status = Status::parse(&self.status)?;
        let run = match (&self.worker_name, self.generation) {
            (Some(worker_name), Some(generation)) => {
                Some(Run { worker_name: worker_name.clone(), generation })
            }
            (None, None) => None,
            _ => return None,
        };
        let failure = match &self.failure {
            Some(text) => Some(FailureCode::parse(text)?),
            None => None,
        };
        Some(match (status, run, self.deadline, &self.worker_url, failure) {
            (Status::PendingPayment, None, None, None, None) => State::PendingPayment,
            (Status::Purchased, None, None, None, None) => State::Purchased,
            (Status::Deploying, Some(run), Some(deadline), None, None) => State::Deploying { run, deadline },
            (Status::Active, Some(run), None, Some(url), None) => {
                State::Active { run, worker_url: url.clone() }
            }
            (Status::Failed, Some(run), None, None, Some(failure)) => State::Failed { run, failure },
            (Status::Stopped, Some(run), None, None, reason) => State::Stopped { run, reason },
            _ => return None,
        })
    }
}

impl TryFrom<Row> for Assistant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("assistants", row.id);
        let provider = match &row.provider {
            Some(text) => Some(Provider::parse(text).ok_or_else(corrupt)?),
            None => None,
        };
        Ok(Self {
            state: row.state().ok_or_else(corrupt)?,
            mode: ApiMode::parse(&row.mode).ok_or_else(corrupt)?,
            payment: Payment {
                status: PaymentStatus::parse(&row.payment_status).ok_or_else(corrupt)?,
                subscription_id: row.subscription_id,
                current_period_end: row.current_period_end,
                canceled_at: row.canceled_at,
            },
            config: Config {
                name: row.name,
                provider,
                model_id: row.model_id,
                callback_url: row.callback_url,
            },
            id: row.id,
            user_id: row.user_id,
            sequence: row.sequence,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// An assistant's secrets, sealed, and what may be known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Secrets {
    /// The bot token, sealed.
    pub bot_token: Option<Vec<u8>>,
    /// A keyed hash of the bot token.
    pub bot_fingerprint: Option<Vec<u8>>,
    /// The model key, sealed.
    pub model_key: Option<Vec<u8>>,
    /// OpenRouter's name for the key it made, in managed mode.
    pub managed_key_hash: Option<String>,
}

fn one(row: Option<Row>) -> Result<Option<Assistant>, StoreError> {
    row.map(Assistant::try_from).transpose()
}

fn all(rows: Vec<Row>) -> Result<Vec<Assistant>, StoreError> {
    rows.into_iter().map(Assistant::try_from).collect()
}

/// Those that can be read: what looks after everybody must not stop at one that is broken.
fn sound(rows: Vec<Row>) -> Vec<Assistant> {
    let read = rows.into_iter().map(Assistant::try_from);
    read.filter_map(|row| {
        row.inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "an assistant is passed over");
        })
        .ok()
    })
    .collect()
}

impl Tx {
    /// Adds an assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_assistant(&mut self, a: &Assistant) -> Result<(), StoreError> {
        let state = Columns::from(&a.state);
        execute!(
            self,
            "insert into assistants (id, user_id, mode, status, worker_name, generation, deadline, worker_url, failure,
                    payment_status, subscription_id, current_period_end, canceled_at, name, provider, model_id,
                    callback_url, sequence, version, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
            a.id,
            a.user_id,
            a.mode.as_str(),
            state.status,
            state.worker_name,
            state.generation,
            state.deadline,
            state.worker_url,
            state.failure,
            a.payment.status.as_str(),
            &a.payment.subscription_id,
            a.payment.current_period_end,
            a.payment.canceled_at,
            &a.config.name,
            a.config.provider.map(Provider::as_str),
            &a.config.model_id,
            &a.config.callback_url,
            a.sequence,
            a.version,
            a.created_at,
            a.updated_at,
        );
        Ok(())
    }

    /// One assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistant(&mut self, id: AssistantId) -> Result<Option<Assistant>, StoreError> {
        one(fetch_optional!(self, Row, select!("where id = $1"), id))
    }

    /// One assistant, locked until the transaction ends: nobody else changes it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn lock_assistant(&mut self, id: AssistantId) -> Result<Option<Assistant>, StoreError> {
        // SQLite's writers hold the whole database already.
        let sql =
            dialect!(self, sqlite: select!("where id = $1"), postgres: select!("where id = $1 for update"));
        one(fetch_optional!(self, Row, sql, id))
    }

    /// The assistant that a subscription pays for.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistant_by_subscription(
        &mut self,
        subscription: &str,
    ) -> Result<Option<Assistant>, StoreError> {
        one(fetch_optional!(
            self,
            Row,
            select!("where subscription_id = $1 order by id limit 1"),
            subscription
        ))
    }

    /// A user's assistants, newest first, without unpaid ones ordered before `unpaid_since`.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistants_of(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
    ) -> Result<Vec<Assistant>, StoreError> {
        all(fetch_all!(
            self,
            Row,
            select!(
                "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                 order by created_at desc, id desc"
            ),
            user,
            unpaid_since,
        ))
    }

    /// A page of the same list: at most `limit` after the one created then with that id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn assistants_page(
        &mut self,
        user: UserId,
        unpaid_since: Timestamp,
        after: Option<(Timestamp, AssistantId)>,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        let Some((created_at, id)) = after else {
            return all(fetch_all!(
                self,
                Row,
                select!(
                    "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                     order by created_at desc, id desc limit $3"
                ),
                user,
                unpaid_since,
                limit,
            ));
        };
        all(fetch_all!(
            self,
            Row,
            select!(
                "where user_id = $1 and (status <> 'pending_payment' or created_at >= $2)
                   and (created_at < $3 or (created_at = $3 and id < $4))
                 order by created_at desc, id desc limit $5"
            ),
            user,
            unpaid_since,
            created_at,
            id,
            limit,
        ))
    }

    /// How many unpaid slots a user has ordered since `since`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_unpaid(&mut self, user: UserId, since: Timestamp) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from assistants where user_id = $1 and status = 'pending_payment' and created_at > $2",
            user,
            since,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Assistants in a status, oldest change first: what reconcilers walk. A corrupt row is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn assistants_in(&mut self, status: Status, limit: i64) -> Result<Vec<Assistant>, StoreError> {
        Ok(sound(fetch_all!(
            self,
            Row,
            select!("where status = $1 order by updated_at, id limit $2"),
            status.as_str(),
            limit
        )))
    }

    /// Deployments that should have ended by `now`. A corrupt row is logged and left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn overdue_deployments(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<Assistant>, StoreError> {
        Ok(sound(fetch_all!(
            self,
            Row,
            select!("where status = 'deploying' and deadline <= $1 order by deadline limit $2"),
            now,
            limit,
        )))
    }

    /// Whether another assistant holds the same bot: of the same owner and not stopped, or of anybody and
    /// running, when `owner` is `None`. Of two that are being deployed at once, the older one holds it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bot_is_taken(
        &mut self,
        fingerprint: &[u8],
        besides: AssistantId,
        owner: Option<UserId>,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = match owner {
            Some(owner) => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants
                 where bot_fingerprint = $1 and id <> $2 and user_id = $3 and status <> 'stopped'",
                fingerprint,
                besides,
                owner,
            ),
            None => fetch_optional!(
                self,
                (i64,),
                "select count(*) from assistants where bot_fingerprint = $1 and id <> $2
                   and (status = 'active' or (status = 'deploying' and id < $2))",
                fingerprint,
                besides,
            ),
        };
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Whether another assistant, of anybody, runs or is being brought up as this bot.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bot_runs_elsewhere(
        &mut self,
        fingerprint: &[u8],
        besides: AssistantId,
    ) -> Result<bool, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from assistants
             where bot_fingerprint = $1 and id <> $2 and status in ('active', 'deploying')",
            fingerprint,
            besides,
        );
        Ok(row.is_some_and(|(count,)| count > 0))
    }

    /// Writes an assistant over the version it was read as; `false` when somebody was faster.
    /// The assistant's own version is moved on.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_assistant(&mut self, a: &mut Assistant) -> Result<bool, StoreError> {
        let state = Columns::from(&a.state);
        let written = execute!(
            self,
            "update assistants set status = $3, worker_name = $4, generation = $5, deadline = $6, worker_url = $7,
                    failure = $8, payment_status = $9, subscription_id = $10, current_period_end = $11,
                    canceled_at = $12, name = $13, provider = $14, model_id = $15, callback_url = $16, sequence = $17,
                    updated_at = $18, version = version + 1
             where id = $1 and version = $2",
            a.id,
            a.version,
            state.status,
            state.worker_name,
            state.generation,
            state.deadline,
            state.worker_url,
            state.failure,
            a.payment.status.as_str(),
            &a.payment.subscription_id,
            a.payment.current_period_end,
            a.payment.canceled_at,
            &a.config.name,
            a.config.provider.map(Provider::as_str),
            &a.config.model_id,
            &a.config.callback_url,
            a.sequence,
            a.updated_at,
        );
        a.version += i64::from(written == 1);
        Ok(written == 1)
    }

    /// Notes the checkout made for a slot.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_checkout(
        &mut self,
        id: AssistantId,
        checkout: &str,
        url: &str,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set checkout_id = $2, checkout_url = $3 where id = $1",
            id,
            checkout,
            url
        );
        Ok(())
    }

    /// Where a slot can be paid.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn checkout_url(&mut self, id: AssistantId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> =
            fetch_optional!(self, (Option<String>,), "select checkout_url from assistants where id = $1", id);
        Ok(row.and_then(|(url,)| url))
    }

    /// An assistant's secrets; all absent when there is no such assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn secrets(&mut self, id: AssistantId) -> Result<Secrets, StoreError> {
        let row: Option<Secrets> = fetch_optional!(
            self,
            Secrets,
            "select bot_token, bot_fingerprint, model_key, managed_key_hash from assistants where id = $1",
            id,
        );
        Ok(row.unwrap_or_default())
    }

    /// Replaces those secrets that are given; the others stay.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn set_secrets(&mut self, id: AssistantId, secrets: &Secrets) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistants set bot_token = coalesce($2, bot_token), bot_fingerprint = coalesce($3, bot_fingerprint),
                    model_key = coalesce($4, model_key), managed_key_hash = coalesce($5, managed_key_hash)
             where id = $1",
            id,
            &secrets.bot_token,
            &secrets.bot_fingerprint,
            &secrets.model_key,
            &secrets.managed_key_hash,
        );
        Ok(())
    }

    /// Deletes an assistant and everything of it that is not a record of what was said to its owner;
    /// a tombstone keeps its id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_assistant(
        &mut self,
        id: AssistantId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        execute!(self, "delete from chat_turns where assistant_id = $1", id);
        execute!(self, "delete from bot_updates where assistant_id = $1", id);
        execute!(self, "delete from workers where assistant_id = $1", id);
        execute!(
            self,
            "insert into tombstones (assistant_id, user_id, deleted_at) values ($1, $2, $3)
             on conflict (assistant_id) do nothing",
            id,
            user,
            now,
        );
        Ok(execute!(self, "delete from assistants where id = $1", id) == 1)
    }

    /// Whether a slot with this id has been deleted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_tombstone(&mut self, id: AssistantId) -> Result<bool, StoreError> {
        let row: Option<(i64,)> =
            fetch_optional!(self, (i64,), "select count(*) from tombstones where assistant_id = $1", id);
        Ok(row.is_some_and(|(count,)| count > 0))
    }
}
