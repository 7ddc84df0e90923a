//! Recording what was spent through managed keys, from the list of all keys at OpenRouter, and reporting used-up credit.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use std::time::Duration;

use reef_domain::ids::{AssistantId, EventId};
use reef_domain::sentence::format_day;
use reef_domain::state::State;
use reef_domain::wire::EventKind;
use reef_domain::{Assistant, Usd};
use reef_store::EventRow;
use tokio::time::sleep;

use crate::billing::credit::key_names::parse_key_name;
use crate::billing::credit::reconcile::ReconcileManagedKey;
use crate::billing::credit::{CREDIT_CODE, read_credit_account};
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use reef_ports::{KEYS_PAGE_SIZE, ManagedKeyInfo, ManagedKeys};

/// Pages read by one run of the job: a hundred thousand keys. The next run continues where this one has ended.
const PAGES_MAX: usize = 1000;
/// The pause between two pages, so that a long list does not exhaust OpenRouter's rate limit.
const PAGE_PAUSE: Duration = Duration::from_millis(500);
/// The age from which a key without an assistant is deleted: a deployment may be about to store a younger one.
const ORPHAN_GRACE_PERIOD: Duration = Duration::from_secs(15 * 60);
const REFUSED_MAX: i64 = 100;

/// Record what was spent through managed keys.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadManagedKeys {}

impl Job<Services> for ReadManagedKeys {
    const KIND: &'static str = "read_managed_keys";
    const CONCURRENCY: usize = 1;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        String::new()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.record_managed_key_usage(PAGES_MAX).await
    }
}

impl Services {
    /// Records what was spent through each key, enqueues the reconciliation of keys that are not as they should be,
    /// and deletes those without an assistant. Foreign keys of the same OpenRouter account are left alone. Reads at most
    /// `pages_max` pages, and continues after them when it is called again.
    ///
    /// # Errors
    /// [`JobError::Retry`] when OpenRouter or the database does not answer; the page is then read again.
    pub async fn record_managed_key_usage(&self, pages_max: usize) -> Result<(), JobError> {
        let Some(keys) = self.ports().managed_keys.as_deref() else { return Ok(()) };
        // Keys that are created meanwhile come first and move the others back, so that none of those is skipped. One that
        // deletions move forward is read when the list is read from its start again, as it is after a restart.
        for number in 0..pages_max {
            if number > 0 {
                sleep(PAGE_PAUSE).await;
            }
            let page = self.next_keys_page().load(Ordering::Relaxed);
            let listed =
                keys.list(page * KEYS_PAGE_SIZE).await.map_err(|error| JobError::Retry(error.into()))?;
            for info in &listed {
                if let Some(id) = parse_key_name(&info.name) {
                    self.reconcile_listed_key(keys, id, info).await?;
                }
            }
            if listed.len() < KEYS_PAGE_SIZE {
                self.next_keys_page().store(0, Ordering::Relaxed);
                break;
            }
            self.next_keys_page().store(page + 1, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn reconcile_listed_key(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        info: &ManagedKeyInfo,
    ) -> Result<(), JobError> {
        let mut tx = self.store().read().await?;
        let (assistant, hash) = (tx.find_assistant(id).await?, tx.get_secrets(id).await?.managed_key_hash);
        let is_deleted = assistant.is_none() && tx.is_assistant_deleted(id).await?;
        let limit = read_credit_account(&mut tx, id).await?.limit_of(&info.hash);
        drop(tx);
        let Some(a) = assistant else {
            // A key with an unknown assistant may belong to another installation on the same account.
            return if is_deleted && self.is_past_grace_period(info) {
                self.delete_orphan(keys, id, info).await
            } else {
                Ok(())
            };
        };
        self.record_key_usage(id, info).await?;
        if hash.as_ref() != Some(&info.hash) {
            let is_being_deployed = matches!(a.state, State::Deploying { .. });
            return if is_being_deployed || !self.is_past_grace_period(info) {
                Ok(())
            } else {
                self.delete_orphan(keys, id, info).await
            };
        }
        if info.disabled == a.state.is_running() || info.limit != Some(limit) {
            let mut work = self.unit_of_work().await?;
            work.enqueue(ReconcileManagedKey { assistant_id: id }).await?;
            work.commit(None).await?;
        }
        Ok(())
    }

    fn is_past_grace_period(&self, info: &ManagedKeyInfo) -> bool {
        info.created_at.is_none_or(|created| self.now().since(created) > ORPHAN_GRACE_PERIOD)
    }

    async fn delete_orphan(
        &self,
        keys: &dyn ManagedKeys,
        id: AssistantId,
        info: &ManagedKeyInfo,
    ) -> Result<(), JobError> {
        tracing::warn!(assistant_id = %id, key = info.hash, "orphaned managed key deleted");
        keys.delete(&info.hash).await.map_err(|error| JobError::Retry(error.into()))
    }

    /// Records what was spent through a key, and adds an event when the credit is used up.
    pub(super) async fn record_key_usage(&self, id: AssistantId, info: &ManagedKeyInfo) -> Result<(), Error> {
        let is_known = {
            let mut tx = self.store().read().await?;
            let known = tx.list_managed_key_usage(id).await?;
            known.iter().any(|key| key.hash == info.hash && key.usage >= info.used)
        };
        if is_known {
            return Ok(());
        }
        let mut work = self.unit_of_work().await?;
        let Some(a) = work.tx.lock_assistant(id).await? else { return Ok(()) };
        let now = work.now;
        work.tx.record_managed_key_usage(id, &info.hash, info.used, now).await?;
        let account = read_credit_account(&mut work.tx, id).await?;
        if account.used() >= account.credited {
            self.record_credit_used_up(&mut work, &a, account.credited).await?;
        }
        work.record_change(&a);
        work.commit(None).await
    }

    /// Adds an event to assistants whose model was refused for lack of credit. OpenRouter refuses requests that might exceed
    /// the limit, so this may happen before the last cent is spent.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn record_credit_refusals(&self) -> Result<(), Error> {
        let refused = self.store().read().await?.list_assistants_refused_credit(REFUSED_MAX).await?;
        for id in refused {
            let mut work = self.unit_of_work().await?;
            let Some(a) = work.tx.lock_assistant(id).await? else { continue };
            let credited = read_credit_account(&mut work.tx, id).await?.credited;
            work.tx.record_exhausted_credit(id, None).await?;
            self.record_credit_used_up(&mut work, &a, credited).await?;
            // The page shows the amount that was spent, so it is read as well.
            work.enqueue(ReconcileManagedKey { assistant_id: id }).await?;
            work.commit(None).await?;
        }
        Ok(())
    }

    /// Adds the event once per amount of credit.
    async fn record_credit_used_up(
        &self,
        work: &mut UnitOfWork<'_>,
        a: &Assistant,
        credited: Usd,
    ) -> Result<(), Error> {
        if credited == Usd::ZERO || work.tx.find_exhausted_credit(a.id).await? == Some(credited) {
            return Ok(());
        }
        work.tx.record_exhausted_credit(a.id, Some(credited)).await?;
        let mut after = a.clone();
        after.sequence += 1;
        if !work.tx.update_assistant(&mut after).await? {
            return Err(Error::internal("a locked assistant was changed by another transaction"));
        }
        let status = after.state.status();
        let event = EventRow {
            id: EventId::new(self.new_uuid()),
            assistant_id: after.id,
            user_id: after.user_id,
            sequence: after.sequence,
            kind: EventKind::CreditExhausted,
            status,
            previous_status: Some(status),
            status_message: Some(used_up_message(&after)),
            note: None,
            worker_url: after.state.worker_url().map(str::to_owned),
            created_at: work.now,
        };
        work.tx.insert_event(&event).await?;
        work.record_change(&after);
        tracing::info!(assistant_id = %after.id, credit = %credited, "model credit used up");
        Ok(())
    }
}

fn used_up_message(a: &Assistant) -> String {
    let renewal = match (a.payment.canceled_at, a.payment.current_period_end) {
        (Some(_), _) => {
            "Your subscription is canceled, so no more credit is added. Undo the cancellation in the billing portal, or create an \
             assistant that uses your own API key."
                .to_owned()
        }
        (None, Some(end)) => format!(
            "The next billing period adds credit on {}. To get replies before then, create an assistant that uses your own API key.",
            format_day(end)
        ),
        (None, None) => "The next billing period adds credit.".to_owned(),
    };
    format!(
        "{CREDIT_CODE}Your credit is used up, so the assistant can't answer and says so in its chats. {renewal}"
    )
}
