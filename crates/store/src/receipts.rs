//! What was done when an assistant was deleted: kept for its owner, without any secret.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::{ApiMode, PaymentStatus, Status};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// What was there and is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Which assistant.
    pub assistant_id: AssistantId,
    /// Whose.
    pub user_id: UserId,
    /// What it was called.
    pub name: String,
    /// Whose model key it used.
    pub mode: ApiMode,
    /// Its last status.
    pub status: Status,
    /// Its worker's name, once it was activated.
    pub worker_name: Option<String>,
    /// Whether a bot token was kept.
    pub had_bot_token: bool,
    /// Whether a model key was kept.
    pub had_model_key: bool,
    /// OpenRouter's name for the key that was made for it.
    pub managed_key_hash: Option<String>,
    /// How its payment stood.
    pub payment_status: PaymentStatus,
    /// Polar's subscription, once one had been seen.
    pub subscription_id: Option<String>,
    /// End of the paid period.
    pub current_period_end: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    assistant_id: AssistantId,
    user_id: UserId,
    name: String,
    plan: String,
    status: String,
    worker_name: Option<String>,
    had_bot_token: bool,
    had_model_key: bool,
    managed_key_hash: Option<String>,
    payment_status: String,
    subscription_id: Option<String>,
    current_period_end: Option<Timestamp>,
    deleted_at: Timestamp,
}

impl TryFrom<Row> for ReceiptRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = || StoreError::corrupt("receipts", row.assistant_id);
        Ok(Self {
            mode: ApiMode::parse(&row.plan).ok_or_else(corrupt)?,
            status: Status::parse(&row.status).ok_or_else(corrupt)?,
            payment_status: PaymentStatus::parse(&row.payment_status).ok_or_else(corrupt)?,
            assistant_id: row.assistant_id,
            user_id: row.user_id,
            name: row.name,
            worker_name: row.worker_name,
            had_bot_token: row.had_bot_token,
            had_model_key: row.had_model_key,
            managed_key_hash: row.managed_key_hash,
            subscription_id: row.subscription_id,
            current_period_end: row.current_period_end,
            deleted_at: row.deleted_at,
        })
    }
}

impl Tx {
    /// Keeps a receipt; the first one of an assistant stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_receipt(&mut self, r: &ReceiptRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into receipts (assistant_id, user_id, name, plan, status, worker_name, had_bot_token, had_model_key,
                                   managed_key_hash, payment_status, subscription_id, current_period_end, deleted_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             on conflict (assistant_id) do nothing",
            r.assistant_id,
            r.user_id,
            &r.name,
            r.mode.as_str(),
            r.status.as_str(),
            &r.worker_name,
            r.had_bot_token,
            r.had_model_key,
            &r.managed_key_hash,
            r.payment_status.as_str(),
            &r.subscription_id,
            r.current_period_end,
            r.deleted_at,
        );
        Ok(())
    }

    /// The receipt of a deleted assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn receipt(&mut self, id: AssistantId) -> Result<Option<ReceiptRow>, StoreError> {
        let row: Option<Row> =
            fetch_optional!(self, Row, "select * from receipts where assistant_id = $1", id);
        row.map(ReceiptRow::try_from).transpose()
    }

    /// A user's receipts of deletions at `(deleted_at, assistant_id)` and before, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn receipts_of(
        &mut self,
        user: UserId,
        (deleted_at, id): (Timestamp, AssistantId),
        limit: i64,
    ) -> Result<Vec<ReceiptRow>, StoreError> {
        let rows: Vec<Row> = fetch_all!(
            self,
            Row,
            "select * from receipts
             where user_id = $1 and (deleted_at < $2 or (deleted_at = $2 and assistant_id <= $3))
             order by deleted_at desc, assistant_id desc limit $4",
            user,
            deleted_at,
            id,
            limit,
        );
        rows.into_iter().map(ReceiptRow::try_from).collect()
    }

    /// Forgets receipts of deletions before `before`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_receipts(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from receipts where deleted_at < $1", before))
    }
}
