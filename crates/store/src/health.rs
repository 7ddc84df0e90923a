//! How running assistants are, what their workers have seen, and when to check them next.
//!
//! A row exists while an assistant is active. The service evaluates what was seen under the lock of the row; workers only add
//! to it.

mod claims;
mod signals;

use reef_domain::Timestamp;
use reef_domain::health::{HealthCode, Legs, Verdict};
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::Provider;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

pub use claims::HealthClaim;
pub use signals::HealthSignal;

/// How a running assistant is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct HealthRow {
    pub assistant_id: AssistantId,
    pub user_id: UserId,
    /// Of the run that this is about.
    pub generation: i64,
    /// Of the model.
    pub provider: Provider,
    pub legs: Legs,
    /// The verdict of the last webhook; `ok` before the first one.
    pub announced: Verdict,
    /// The verdict of the last email; `ok` before the first one.
    pub mailed: Verdict,
    pub mailed_at: Option<Timestamp>,
    /// When the assistant was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// What the worker has seen of Telegram since the last evaluation.
    pub telegram_signal: Option<HealthCode>,
    /// What the worker has seen of the model since the last evaluation.
    pub model_signal: Option<HealthCode>,
    pub next_telegram_check_at: Timestamp,
    pub next_model_check_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    assistant_id: AssistantId,
    user_id: UserId,
    generation: i64,
    provider: String,
    legs: String,
    announced: String,
    mailed: String,
    mailed_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    telegram_signal: Option<String>,
    model_signal: Option<String>,
    next_telegram_check_at: Timestamp,
    next_model_check_at: Timestamp,
}

impl TryFrom<Row> for HealthRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("assistant_health", row.assistant_id);
        let verdict = |text: &str| Verdict::parse(text).ok_or_else(corrupt);
        let signal = |text: &Option<String>| {
            text.as_deref().map(|text| HealthCode::parse(text).ok_or_else(corrupt)).transpose()
        };
        Ok(Self {
            provider: Provider::parse(&row.provider).ok_or_else(corrupt)?,
            legs: serde_json::from_str(&row.legs).map_err(|_| corrupt())?,
            announced: verdict(&row.announced)?,
            mailed: verdict(&row.mailed)?,
            telegram_signal: signal(&row.telegram_signal)?,
            model_signal: signal(&row.model_signal)?,
            assistant_id: row.assistant_id,
            user_id: row.user_id,
            generation: row.generation,
            mailed_at: row.mailed_at,
            used_at: row.used_at,
            next_telegram_check_at: row.next_telegram_check_at,
            next_model_check_at: row.next_model_check_at,
        })
    }
}

fn to_json(row: &HealthRow) -> Result<String, StoreError> {
    serde_json::to_string(&row.legs).map_err(|_| StoreError::corrupt("assistant_health", row.assistant_id))
}

impl Tx {
    /// Stores how the assistant of a new run is, in place of what was known of an earlier run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_health(&mut self, row: &HealthRow) -> Result<(), StoreError> {
        self.delete_health(row.assistant_id).await?;
        execute!(
            self,
            "insert into assistant_health (assistant_id, user_id, generation, provider, verdict, legs, is_steady,
                    announced, mailed, mailed_at, used_at, telegram_signal, model_signal, next_telegram_check_at,
                    next_model_check_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            row.assistant_id,
            row.user_id,
            row.generation,
            row.provider.as_str(),
            row.legs.verdict().as_str(),
            to_json(row)?,
            row.legs.is_steady(),
            row.announced.as_str(),
            row.mailed.as_str(),
            row.mailed_at,
            row.used_at,
            row.telegram_signal.map(HealthCode::as_str),
            row.model_signal.map(HealthCode::as_str),
            row.next_telegram_check_at,
            row.next_model_check_at,
        );
        Ok(())
    }

    /// Deletes what is known of an assistant's health, because it does not run any more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_health(&mut self, id: AssistantId) -> Result<(), StoreError> {
        execute!(self, "delete from assistant_health where assistant_id = $1", id);
        Ok(())
    }

    /// Finds how a running assistant is.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_health(&mut self, id: AssistantId) -> Result<Option<HealthRow>, StoreError> {
        let row: Option<Row> =
            fetch_optional!(self, Row, "select * from assistant_health where assistant_id = $1", id);
        row.map(HealthRow::try_from).transpose()
    }

    /// As [`Self::find_health`], and locks the row until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn lock_health(&mut self, id: AssistantId) -> Result<Option<HealthRow>, StoreError> {
        // A writer on SQLite has locked the whole database.
        let sql = dialect!(self, sqlite: "select * from assistant_health where assistant_id = $1",
            postgres: "select * from assistant_health where assistant_id = $1 for update");
        let row: Option<Row> = fetch_optional!(self, Row, sql, id);
        row.map(HealthRow::try_from).transpose()
    }

    /// Stores a row that was locked in this transaction, without signals: they have been evaluated.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_health(&mut self, row: &HealthRow) -> Result<(), StoreError> {
        execute!(
            self,
            "update assistant_health set verdict = $2, legs = $3, is_steady = $4, announced = $5, mailed = $6,
                    mailed_at = $7, telegram_signal = null, model_signal = null, signal_at = null,
                    next_telegram_check_at = $8, next_model_check_at = $9
             where assistant_id = $1",
            row.assistant_id,
            row.legs.verdict().as_str(),
            to_json(row)?,
            row.legs.is_steady(),
            row.announced.as_str(),
            row.mailed.as_str(),
            row.mailed_at,
            row.next_telegram_check_at,
            row.next_model_check_at,
        );
        Ok(())
    }

    /// Lists the verdicts of a user's running assistants, for the list of assistants.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_health_verdicts(
        &mut self,
        user: UserId,
    ) -> Result<Vec<(AssistantId, Verdict)>, StoreError> {
        let rows: Vec<(AssistantId, String)> = fetch_all!(
            self,
            (AssistantId, String),
            "select assistant_id, verdict from assistant_health where user_id = $1 order by assistant_id",
            user,
        );
        let read = |(id, text): (AssistantId, String)| {
            let verdict = Verdict::parse(&text).ok_or_else(|| StoreError::corrupt("assistant_health", id))?;
            Ok((id, verdict))
        };
        rows.into_iter().map(read).collect()
    }

    /// Advances the sequence of an assistant's events, and returns it. The assistant is locked. Its version stays, because
    /// nothing changes that a form could overwrite.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn advance_sequence(&mut self, id: AssistantId) -> Result<Option<i64>, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "update assistants set sequence = sequence + 1 where id = $1 returning sequence",
            id,
        );
        Ok(row.map(|(sequence,)| sequence))
    }
}
