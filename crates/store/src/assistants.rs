//! Assistants. A row becomes a state by its nullable columns; combinations that no state has are reported as corrupt.

use reef_domain::assistant::{Config, Payment};
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::state::Run;
use reef_domain::wire::{ApiMode, PaymentStatus, Provider, Status};
use reef_domain::{Assistant, FailureCode, State, Timestamp};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_optional};

mod checkout;
mod deletion;
mod lists;
mod replaced_configuration;
mod secrets;

pub use checkout::BotRow;
pub use replaced_configuration::ReplacedConfiguration;
pub use secrets::{PageRow, Secrets};

#[derive(FromRow)]
struct Row {
    id: AssistantId,
    user_id: UserId,
    plan: String,
    status: String,
    worker_name: Option<String>,
    generation: Option<i64>,
    deadline: Option<Timestamp>,
    worker_url: Option<String>,
    failure_code: Option<String>,
    payment_status: String,
    subscription_id: Option<String>,
    current_period_end: Option<Timestamp>,
    canceled_at: Option<Timestamp>,
    name: Option<String>,
    provider: Option<String>,
    model_id: Option<String>,
    webhook_url: Option<String>,
    undo_reason: Option<String>,
    sequence: i64,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Selects the columns of [`Row`], followed by `$rest`.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, user_id, plan, status, worker_name, generation, deadline, worker_url, failure_code,
                    payment_status, subscription_id, current_period_end, canceled_at, name, provider, model_id,
                    webhook_url, undo_reason, sequence, version, created_at, updated_at from assistants ",
            $rest
        )
    };
}

pub(crate) use select;

/// A state as the columns that store it.
struct Columns<'a> {
    status: &'static str,
    worker_name: Option<&'a str>,
    generation: Option<i64>,
    deadline: Option<Timestamp>,
    worker_url: Option<&'a str>,
    failure_code: Option<&'static str>,
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
            failure_code: state.failure().map(FailureCode::as_str),
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
        let failure = match &self.failure_code {
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
        let undone = match &row.undo_reason {
            Some(text) => Some(FailureCode::parse(text).ok_or_else(corrupt)?),
            None => None,
        };
        Ok(Self {
            state: row.state().ok_or_else(corrupt)?,
            mode: ApiMode::parse(&row.plan).ok_or_else(corrupt)?,
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
                callback_url: row.webhook_url,
            },
            undo_reason: undone,
            id: row.id,
            user_id: row.user_id,
            sequence: row.sequence,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn read_optional(row: Option<Row>) -> Result<Option<Assistant>, StoreError> {
    row.map(Assistant::try_from).transpose()
}

impl Tx {
    /// Inserts an assistant with its first version.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_assistant(&mut self, assistant: &Assistant) -> Result<(), StoreError> {
        let state = Columns::from(&assistant.state);
        execute!(
            self,
            "insert into assistants (id, user_id, plan, status, worker_name, generation, deadline, worker_url,
                    failure_code, payment_status, subscription_id, current_period_end, canceled_at, name, provider,
                    model_id, webhook_url, undo_reason, sequence, version, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                     $22)",
            assistant.id,
            assistant.user_id,
            assistant.mode.as_str(),
            state.status,
            state.worker_name,
            state.generation,
            state.deadline,
            state.worker_url,
            state.failure_code,
            assistant.payment.status.as_str(),
            &assistant.payment.subscription_id,
            assistant.payment.current_period_end,
            assistant.payment.canceled_at,
            &assistant.config.name,
            assistant.config.provider.map(Provider::as_str),
            &assistant.config.model_id,
            &assistant.config.callback_url,
            assistant.undo_reason.map(FailureCode::as_str),
            assistant.sequence,
            assistant.version,
            assistant.created_at,
            assistant.updated_at,
        );
        self.invalidate(assistant.id);
        self.invalidate(assistant.user_id);
        Ok(())
    }

    /// Finds an assistant by its id.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_assistant(&mut self, id: AssistantId) -> Result<Option<Assistant>, StoreError> {
        read_optional(fetch_optional!(self, Row, select!("where id = $1"), id))
    }

    /// Finds an assistant and locks its row until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn lock_assistant(&mut self, id: AssistantId) -> Result<Option<Assistant>, StoreError> {
        // A writer on SQLite has locked the whole database.
        let sql =
            dialect!(self, sqlite: select!("where id = $1"), postgres: select!("where id = $1 for update"));
        read_optional(fetch_optional!(self, Row, sql, id))
    }

    /// Finds the assistant that a Polar subscription pays for.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_assistant_by_subscription(
        &mut self,
        subscription: &str,
    ) -> Result<Option<Assistant>, StoreError> {
        read_optional(fetch_optional!(
            self,
            Row,
            select!("where subscription_id = $1 order by id limit 1"),
            subscription
        ))
    }

    /// Writes an assistant over the version it was read as, and increments `assistant.version`; `false` when another
    /// transaction wrote it first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn update_assistant(&mut self, assistant: &mut Assistant) -> Result<bool, StoreError> {
        let state = Columns::from(&assistant.state);
        let written = execute!(
            self,
            "update assistants set status = $3, worker_name = $4, generation = $5, deadline = $6, worker_url = $7,
                    failure_code = $8, payment_status = $9, subscription_id = $10, current_period_end = $11,
                    canceled_at = $12, name = $13, provider = $14, model_id = $15, webhook_url = $16, sequence = $17,
                    updated_at = $18, undo_reason = $19, version = version + 1
             where id = $1 and version = $2",
            assistant.id,
            assistant.version,
            state.status,
            state.worker_name,
            state.generation,
            state.deadline,
            state.worker_url,
            state.failure_code,
            assistant.payment.status.as_str(),
            &assistant.payment.subscription_id,
            assistant.payment.current_period_end,
            assistant.payment.canceled_at,
            &assistant.config.name,
            assistant.config.provider.map(Provider::as_str),
            &assistant.config.model_id,
            &assistant.config.callback_url,
            assistant.sequence,
            assistant.updated_at,
            assistant.undo_reason.map(FailureCode::as_str),
        );
        assistant.version += i64::from(written == 1);
        self.invalidate(assistant.id);
        self.invalidate(assistant.user_id);
        Ok(written == 1)
    }
}
