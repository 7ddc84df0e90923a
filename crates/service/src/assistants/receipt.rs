//! The receipt of a deleted assistant: what was deleted, and whether its subscription has ended.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::query::Cursor;
use reef_domain::wire::{ApiMode, PaymentStatus, Scope};
use reef_domain::{Assistant, Timestamp};
use reef_jobs::Job as _;
use reef_store::{ReceiptRow, RevocationRow, Secrets, Tx};
use uuid::Uuid;

use crate::billing::credit::DeleteManagedKey;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long a receipt can be read.
pub const RECEIPT_RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
/// The size of a page of receipts.
pub const RECEIPTS_PER_PAGE: usize = 50;
/// Revocations read for one receipt; an assistant has one, rarely two.
const REVOCATIONS: i64 = 20;

/// The end of something at a vendor, which only the vendor can confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Requested, and retried until the vendor confirms it.
    Pending,
    /// Confirmed, at this time if it is known.
    Confirmed(Option<Timestamp>),
}

/// What happened to the subscription of a deleted assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// The assistant was never paid.
    NeverPaid,
    /// The subscription had ended before the deletion.
    AlreadyEnded,
    /// The deletion revokes the subscription.
    Revoked(End),
}

/// What is left of a deleted assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id of the deleted assistant, as text for links.
    pub id: String,
    /// The name at the time of the deletion.
    pub name: String,
    /// The plan: BYOK or managed.
    pub mode: ApiMode,
    /// The worker that was removed; `None` when there never was one.
    pub worker_name: Option<String>,
    /// Whether a bot token was destroyed.
    pub had_bot_token: bool,
    /// Whether a model key was destroyed.
    pub had_model_key: bool,
    /// The deletion of its managed key at OpenRouter, if it had one.
    pub managed_key: Option<End>,
    /// Whether and how its subscription has ended.
    pub subscription: SubscriptionEnd,
    /// The end of the last paid billing period.
    pub current_period_end: Option<Timestamp>,
    /// The ends of further subscriptions that were paid for it: a duplicate, or one paid after the deletion.
    pub other_subscriptions: Vec<End>,
    /// When the assistant was deleted.
    pub deleted_at: Timestamp,
    /// When the receipt expires, 90 days later.
    pub expires_at: Timestamp,
}

/// The row to store when an assistant is deleted.
pub(super) fn receipt_of(a: &Assistant, secrets: &Secrets, now: Timestamp) -> ReceiptRow {
    ReceiptRow {
        assistant_id: a.id,
        user_id: a.user_id,
        name: a.name().to_owned(),
        plan: a.mode,
        status: a.state.status(),
        worker_name: a.state.run().map(|run| run.worker_name.clone()),
        had_bot_token: secrets.bot_token.is_some(),
        had_model_key: secrets.model_key.is_some(),
        managed_key_hash: secrets.managed_key_hash.clone(),
        payment_status: a.payment.status,
        subscription_id: a.payment.subscription_id.clone(),
        current_period_end: a.payment.current_period_end,
        deleted_at: now,
    }
}

fn end_of(row: &RevocationRow) -> End {
    row.confirmed_at.map_or(End::Pending, |at| End::Confirmed(Some(at)))
}

fn subscription_end(row: &ReceiptRow, revocations: &[RevocationRow]) -> SubscriptionEnd {
    let Some(id) = &row.subscription_id else { return SubscriptionEnd::NeverPaid };
    let revocation = revocations.iter().find(|revocation| revocation.subscription_id == *id);
    match revocation {
        _ if row.payment_status == PaymentStatus::Canceled => SubscriptionEnd::AlreadyEnded,
        // It was refunded and ended before the deletion.
        Some(RevocationRow { confirmed_at: Some(at), .. }) if *at < row.deleted_at => {
            SubscriptionEnd::AlreadyEnded
        }
        Some(revocation) => SubscriptionEnd::Revoked(end_of(revocation)),
        // The row of a confirmed revocation is pruned after a while.
        None => SubscriptionEnd::AlreadyEnded,
    }
}

async fn read_receipt(tx: &mut Tx, row: ReceiptRow) -> Result<Receipt, Error> {
    let revocations = tx.list_revocations(row.assistant_id, REVOCATIONS).await?;
    let managed_key = match &row.managed_key_hash {
        Some(hash) => {
            let open = tx.find_job_run_at(&DeleteManagedKey { hash: hash.clone() }.dedup_key()).await?;
            Some(open.map_or(End::Confirmed(None), |_| End::Pending))
        }
        None => None,
    };
    let is_other = |other: &&RevocationRow| row.subscription_id.as_deref() != Some(&other.subscription_id);
    Ok(Receipt {
        subscription: subscription_end(&row, &revocations),
        other_subscriptions: revocations.iter().filter(is_other).map(end_of).collect(),
        managed_key,
        id: row.assistant_id.to_string(),
        mode: row.plan,
        had_bot_token: row.had_bot_token,
        had_model_key: row.had_model_key,
        current_period_end: row.current_period_end,
        deleted_at: row.deleted_at,
        expires_at: row.deleted_at.plus(RECEIPT_RETENTION),
        name: row.name,
        worker_name: row.worker_name,
    })
}

impl Services {
    /// The receipt of an assistant that the caller has deleted in the last 90 days.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants, [`Error::NotFound`].
    pub async fn get_receipt(&self, caller: &Caller, id: &str) -> Result<Receipt, Error> {
        caller.require_scope_for_all(Scope::Read)?;
        let id = AssistantId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        let oldest = self.now().minus(RECEIPT_RETENTION);
        let row = tx.find_receipt(id).await?;
        let row = row.filter(|row| row.user_id == caller.user_id && row.deleted_at >= oldest);
        read_receipt(&mut tx, row.ok_or(Error::NotFound)?).await
    }

    /// The caller's receipts, newest first: at most [`RECEIPTS_PER_PAGE`] from the cursor on, and the cursor of the
    /// next page. A cursor holds the time of a receipt and the id of its assistant.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn list_receipts(
        &self,
        caller: &Caller,
        from: Option<Cursor>,
    ) -> Result<(Vec<Receipt>, Option<Cursor>), Error> {
        caller.require_scope_for_all(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let oldest = self.now().minus(RECEIPT_RETENTION);
        let from =
            from.map_or((self.now(), AssistantId::new(Uuid::max())), |from| (from.created_at, from.id));
        let one_more = i64::try_from(RECEIPTS_PER_PAGE + 1).map_err(Error::internal)?;
        let mut rows = tx.list_receipts(caller.user_id, from, one_more).await?;
        rows.retain(|row| row.deleted_at >= oldest);
        let next = rows.split_off(rows.len().min(RECEIPTS_PER_PAGE)).pop();
        let next = next.map(|row| Cursor { created_at: row.deleted_at, id: row.assistant_id });
        let mut receipts = Vec::with_capacity(rows.len());
        for row in rows {
            receipts.push(read_receipt(&mut tx, row).await?);
        }
        Ok((receipts, next))
    }
}
