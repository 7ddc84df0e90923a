//! The job that makes one attempt to deliver one callback, and when the next one is due.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy, with_jitter};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::DeliveryId;
use reef_domain::wire::DeliveryState;
use reef_store::{AttemptOutcome, DeliveryRow};

use crate::callbacks::signing::{RETRY_DELAYS, sign};
use crate::services::Services;
use reef_ports::{CallbackError, CallbackRequest};

/// The status with which a receiver asks for no more attempts (Standard Webhooks).
const GONE: u16 = 410;
/// The most that jitter adds to a wait, in percent.
const JITTER_PERCENT: u32 = 10;

/// Attempt to deliver a callback.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliverCallback {
    pub delivery_id: DeliveryId,
}

impl Job<Services> for DeliverCallback {
    const KIND: &'static str = "callback";
    const CONCURRENCY: usize = 32;
    // Callbacks end by their own schedule. This is for what goes wrong on our side.
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);
    const ACCOUNT_LIMIT: Option<i64> = Some(4);

    fn dedup_id(&self) -> String {
        self.delivery_id.to_string()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.send_callback(self.delivery_id).await
    }
}

impl Services {
    /// Makes one attempt and records its outcome.
    async fn send_callback(&self, id: DeliveryId) -> Result<(), JobError> {
        let (delivery, user) = {
            let mut tx = self.store().read().await?;
            let Some(delivery) = tx.find_delivery(id).await? else { return Ok(()) };
            if delivery.state != DeliveryState::Pending {
                return Ok(());
            }
            // The account was deleted, so there is no secret to sign with.
            let Some(user) = tx.find_user(delivery.user_id).await? else { return Ok(()) };
            (delivery, user)
        };
        let now = self.now();
        let secrets = self.open_signing_secrets(&user, now)?;
        let outgoing = CallbackRequest {
            url: delivery.url.clone(),
            id: id.to_string(),
            timestamp: now.unix_seconds(),
            signature: sign(&secrets, &id.to_string(), now.unix_seconds(), &delivery.payload)?,
            body: delivery.payload.clone(),
        };
        let answer = self.ports().callbacks.send(&outgoing).await;
        let (attempt, retry_after) = outcome_of(&delivery, now, &answer);
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        work.tx.record_delivery_attempt(id, &attempt, now).await?;
        work.record_change_of(delivery.user_id, delivery.assistant_id);
        work.commit(None).await?;
        let outcome = match attempt.state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending => "retry",
            DeliveryState::Failed => "given_up",
        };
        metrics::counter!("reef_webhook_attempts_total", "outcome" => outcome).increment(1);
        match retry_after {
            None => Ok(()),
            Some(wait) => {
                let at = now.plus(with_jitter(wait, JITTER_PERCENT, &*self.ports().entropy));
                Err(JobError::RetryAt(at, attempt.error.unwrap_or_default()))
            }
        }
    }
}

/// The attempt to record, and how long to wait for the next one.
fn outcome_of(
    delivery: &DeliveryRow,
    started_at: Timestamp,
    answer: &Result<u16, CallbackError>,
) -> (AttemptOutcome, Option<Duration>) {
    let status = answer.as_ref().ok().copied();
    let error = match answer {
        Ok(200..=299) => None,
        Ok(status) => Some(format!("answered {status}")),
        Err(error) => Some(error.to_string()),
    };
    let wait =
        usize::try_from(delivery.attempts).ok().and_then(|attempts| RETRY_DELAYS.get(attempts)).copied();
    let (state, retry_after) = match (status, wait) {
        (Some(200..=299), _) => (DeliveryState::Delivered, None),
        (Some(GONE), _) | (_, None) => (DeliveryState::Failed, None),
        (_, Some(wait)) => (DeliveryState::Pending, Some(wait)),
    };
    (AttemptOutcome { started_at, state, status: status.map(i64::from), error }, retry_after)
}
