//! The job that revokes a subscription which pays for no assistant.

use reef_domain::ids::AssistantId;
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use reef_ports::PaymentError;
use serde::{Deserialize, Serialize};

use crate::billing::schedule::VERIFY_AFTER;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// The timeline's entry about the end of a duplicate subscription.
const DUPLICATE_ENDED: &str = "The duplicate subscription for this assistant has ended.";

/// Revoke a subscription at Polar.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RevokeSubscription {
    pub subscription_id: String,
}

impl Job<Services> for RevokeSubscription {
    const KIND: &'static str = "revoke_subscription";
    const CONCURRENCY: usize = 4;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        self.subscription_id.clone()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.revoke_subscription(&self.subscription_id).await
    }
}

impl Services {
    /// Revokes a subscription. One that has ended already is a success.
    async fn revoke_subscription(&self, id: &str) -> Result<(), JobError> {
        match self.ports().payments.revoke_subscription(id).await {
            Ok(()) => {}
            Err(PaymentError::RateLimited { retry_after: Some(wait) }) => {
                let why = "rate limited by polar".to_owned();
                return Err(JobError::RetryAt(self.now().plus(wait), why));
            }
            Err(error) => return Err(JobError::Retry(error.into())),
        }
        let mut work = self.unit_of_work().await?;
        let row = work.tx.find_revocation(id).await?;
        work.tx.confirm_revocation(id, work.now).await?;
        // The page of the receipt updates live.
        if let Some(assistant_id) = row.as_ref().and_then(|row| row.assistant_id)
            && let Some(receipt) = work.tx.find_receipt(assistant_id).await?
        {
            work.record_change_of(receipt.user_id, assistant_id);
        }
        if let Some(assistant_id) =
            row.filter(|row| row.reason == "duplicate").and_then(|row| row.assistant_id)
            && let Some(assistant) = work.tx.lock_assistant(assistant_id).await?
        {
            work.record_payment_flag(assistant, DUPLICATE_ENDED).await?;
        }
        work.commit(None).await?;
        tracing::info!(subscription_id = id, "subscription revoked");
        Ok(())
    }
}

impl UnitOfWork<'_> {
    /// Enqueues the revocation of a subscription that pays for no assistant; the job repeats until Polar confirms it.
    /// Returns whether the revocation is new.
    pub async fn enqueue_revocation(
        &mut self,
        assistant_id: AssistantId,
        subscription: &str,
        reason: &str,
    ) -> Result<bool, Error> {
        let is_new = self.tx.insert_revocation(subscription, assistant_id, reason, self.now).await?;
        if is_new {
            self.enqueue(RevokeSubscription { subscription_id: subscription.to_owned() }).await?;
            self.tx.schedule_payment_check(assistant_id, self.now.plus(VERIFY_AFTER), self.now).await?;
        }
        Ok(is_new)
    }
}
