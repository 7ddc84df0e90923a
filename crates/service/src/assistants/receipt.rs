//! The receipt of a deleted assistant: what was deleted, and whether its subscription has ended.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::page::Cursor;
use reef_domain::wire::{ApiMode, PaymentStatus, Scope};
use reef_domain::{Assistant, Timestamp};
use reef_store::{ReceiptRow, RevocationRow, Secrets, Tx};
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;

/// How long a receipt can be read.
pub const KEPT_FOR: Duration = Duration::from_secs(90 * 24 * 3600);
/// The size of a page of receipts.
pub const RECEIPTS_LISTED: usize = 50;
/// Revocations read for one receipt; an assistant has one, rarely two.
const REVOCATIONS: i64 = 20;

/// The end of something at a vendor, which only the vendor can confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Requested, and retried until the vendor confirms it.
    UnderWay,
    /// Confirmed, at this time if it is known.
    Confirmed(Option<Timestamp>),
}

/// What happened to the subscription of a deleted assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionEnd {
    /// The assistant was never paid.
    NeverWas,
    /// The subscription had ended before the deletion.
    HadEnded,
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
    pub besides: Vec<End>,
    /// When the assistant was deleted.
    pub deleted_at: Timestamp,
    /// When the receipt expires, 90 days later.
    pub kept_until: Timestamp,
}

/// The row to store when an assistant is deleted.
pub(super) fn receipt_of(a: &Assistant, secrets: &Secrets, now: Timestamp) -> ReceiptRow {
    ReceiptRow {
        assistant_id: a.id,
        user_id: a.user_id,
        name: a.name().to_owned(),
        mode: a.mode,
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
    row.confirmed_at.map_or(End::UnderWay, |at| End::Confirmed(Some(at)))
}

fn subscription_end(row: &ReceiptRow, revocations: &[RevocationRow]) -> SubscriptionEnd {
    let Some(id) = &row.subscription_id else { return SubscriptionEnd::NeverWas };
    let revocation = revocations.iter().find(|revocation| revocation.subscription_id == *id);
    match revocation {
        _ if row.payment_status == PaymentStatus::Canceled => SubscriptionEnd::HadEnded,
        // It was refunded and ended before the deletion.
        Some(RevocationRow { confirmed_at: Some(at), .. }) if *at < row.deleted_at => {
            SubscriptionEnd::HadEnded
        }
        Some(revocation) => SubscriptionEnd::Revoked(end_of(revocation)),
        // The row of a confirmed revocation is pruned after a while.
        None => SubscriptionEnd::HadEnded,
    }
}

async fn read(tx: &mut Tx, row: ReceiptRow) -> Result<Receipt, Error> {
    let revocations = tx.revocations_of(row.assistant_id, REVOCATIONS).await?;
    let managed_key = match &row.managed_key_hash {
        Some(hash) => {
            let open = tx.job_due(&Job::DeleteManagedKey { hash: hash.clone() }.dedup_key()).await?;
            Some(open.map_or(End::Confirmed(None), |_| End::UnderWay))
        }
        None => None,
    };
    let is_another = |other: &&RevocationRow| row.subscription_id.as_deref() != Some(&other.subscription_id);
    Ok(Receipt {
        subscription: subscription_end(&row, &revocations),
        besides: revocations.iter().filter(is_another).map(end_of).collect(),
        managed_key,
        id: row.assistant_id.to_string(),
        mode: row.mode,
        had_bot_token: row.had_bot_token,
        had_model_key: row.had_model_key,
        current_period_end: row.current_period_end,
        deleted_at: row.deleted_at,
        kept_until: row.deleted_at.plus(KEPT_FOR),
        name: row.name,
        worker_name: row.worker_name,
    })
}

impl Services {
    /// The receipt of an assistant that the caller has deleted in the last 90 days.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants, [`Error::NotFound`].
    pub async fn receipt(&self, caller: &Caller, id: &str) -> Result<Receipt, Error> {
        caller.require_for_all(Scope::Read)?;
        let id = AssistantId::parse(id).ok_or(Error::NotFound)?;
        let mut tx = self.store().read().await?;
        let oldest = self.now().minus(KEPT_FOR);
        let row = tx.receipt(id).await?;
        let row = row.filter(|row| row.user_id == caller.user_id && row.deleted_at >= oldest);
        read(&mut tx, row.ok_or(Error::NotFound)?).await
    }

    /// The caller's receipts, newest first: at most [`RECEIPTS_PER_PAGE`] from the cursor on, and the cursor of the
    /// next page. A cursor holds the time of a receipt and the id of its assistant.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope for all assistants.
    pub async fn receipts(
        &self,
        caller: &Caller,
        from: Option<Cursor>,
    ) -> Result<(Vec<Receipt>, Option<Cursor>), Error> {
        caller.require_for_all(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let oldest = self.now().minus(KEPT_FOR);
        let from =
            from.map_or((self.now(), AssistantId::new(Uuid::max())), |from| (from.created_at, from.id));
        let one_more = i64::try_from(RECEIPTS_LISTED + 1).map_err(Error::internal)?;
        let mut rows = tx.receipts_of(caller.user_id, from, one_more).await?;
        rows.retain(|row| row.deleted_at >= oldest);
        let next = rows.split_off(rows.len().min(RECEIPTS_LISTED)).pop();
        let next = next.map(|row| Cursor { created_at: row.deleted_at, id: row.assistant_id });
        let mut receipts = Vec::with_capacity(rows.len());
        for row in rows {
            receipts.push(read(&mut tx, row).await?);
        }
        Ok((receipts, next))
    }
}
