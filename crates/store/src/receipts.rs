//! Receipts: what is left of deleted assistants for their owners to read. They hold no secret.

use reef_domain::Timestamp;
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::{ApiMode, PaymentStatus, Status};
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_all, fetch_optional};

/// What a deleted assistant was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ReceiptRow {
    pub assistant_id: AssistantId,
    pub user_id: UserId,
    pub name: String,
    pub plan: ApiMode,
    /// The status before the deletion.
    pub status: Status,
    /// `None` if it was never activated.
    pub worker_name: Option<String>,
    pub had_bot_token: bool,
    pub had_model_key: bool,
    /// OpenRouter's name for the key that Reef created.
    pub managed_key_hash: Option<String>,
    pub payment_status: PaymentStatus,
    /// Polar's id of the subscription.
    pub subscription_id: Option<String>,
    pub current_period_end: Option<Timestamp>,
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
            plan: ApiMode::parse(&row.plan).ok_or_else(corrupt)?,
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
    /// Inserts a receipt. If the assistant has one, that one stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn insert_receipt(&mut self, receipt: &ReceiptRow) -> Result<(), StoreError> {
        execute!(
            self,
            "insert into receipts (assistant_id, user_id, name, plan, status, worker_name, had_bot_token, had_model_key,
                                   managed_key_hash, payment_status, subscription_id, current_period_end, deleted_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             on conflict (assistant_id) do nothing",
            receipt.assistant_id,
            receipt.user_id,
            &receipt.name,
            receipt.plan.as_str(),
            receipt.status.as_str(),
            &receipt.worker_name,
            receipt.had_bot_token,
            receipt.had_model_key,
            &receipt.managed_key_hash,
            receipt.payment_status.as_str(),
            &receipt.subscription_id,
            receipt.current_period_end,
            receipt.deleted_at,
        );
        Ok(())
    }

    /// Finds the receipt of a deleted assistant.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn find_receipt(&mut self, id: AssistantId) -> Result<Option<ReceiptRow>, StoreError> {
        let row: Option<Row> =
            fetch_optional!(self, Row, "select * from receipts where assistant_id = $1", id);
        row.map(ReceiptRow::try_from).transpose()
    }

    /// Lists a user's receipts from `(deleted_at, assistant_id)` on, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Corrupt`].
    pub async fn list_receipts(
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

    /// Deletes receipts of deletions before `before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_receipts(&mut self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from receipts where deleted_at < $1", before))
    }
}
