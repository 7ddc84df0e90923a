//! The inbox of Polar's webhooks: storing them as they arrive, and processing them in order.

use reef_domain::{ErrorChain, Timestamp};
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use reef_ports::PaymentEvent;
use reef_protocols::polar::{WEBHOOK_ID_BYTES_MAX, WebhookHeaders, parse_webhook};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::billing::apply::Source;
use crate::billing::outcome::EventOutcome;
use crate::error::Error;
use crate::services::Services;

/// Webhooks read at once; the job continues until none is left.
const BATCH: i64 = 50;

/// Process Polar's webhooks in the inbox.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProcessPolarInbox {}

impl Job<Services> for ProcessPolarInbox {
    const KIND: &'static str = "polar";
    // One at a time, because webhooks are processed in order.
    const CONCURRENCY: usize = 1;
    const RETRY: RetryPolicy =
        RetryPolicy::unlimited(Backoff::new(Duration::from_millis(500), Duration::from_secs(30)));

    fn dedup_id(&self) -> String {
        String::new()
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.process_polar_inbox().await
    }
}

impl Services {
    /// Stores one of Polar's webhooks for a job to process. One with a known `webhook-id` is accepted and ignored.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when the signature is not Polar's, in which case nothing is stored.
    /// [`Error::InvalidRequest`] when the signed body is not text.
    pub async fn receive_polar(&self, headers: &WebhookHeaders, body: &[u8]) -> Result<(), Error> {
        let secret = self.config().polar_webhook_secret.as_ref().ok_or(Error::Unauthorized)?;
        if !headers.is_authentic(secret.expose_secret(), body, self.now()) {
            return Err(Error::Unauthorized);
        }
        let text = std::str::from_utf8(body).ok().filter(|text| !text.contains('\0'));
        let (Some(text), 1..=WEBHOOK_ID_BYTES_MAX) = (text, headers.id.len()) else {
            return Err(Error::invalid_field(
                "",
                "invalid_webhook",
                "The webhook must have a text body and an id of at most 255 characters.",
            ));
        };
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        if work.tx.insert_polar_webhook(&headers.id, text, now).await? {
            work.enqueue(ProcessPolarInbox {}).await?;
        }
        work.commit(None).await
    }

    /// Processes the inbox, oldest first, in a transaction each.
    async fn process_polar_inbox(&self) -> Result<(), JobError> {
        loop {
            let open = {
                let mut tx = self.store().read().await?;
                tx.list_open_polar_webhooks(BATCH).await?
            };
            if open.is_empty() {
                return Ok(());
            }
            for row in open {
                let event = parse_webhook(&row.body);
                let mut work = self.unit_of_work().await?;
                let outcome = match &event {
                    Ok(event) => match self.apply_payment(&mut work, event, Source::Webhook).await {
                        Err(error) if error.is_corrupt_row() => {
                            // Nothing was written, and a retry would only block the webhooks after it.
                            tracing::error!(
                                webhook_id = row.webhook_id,
                                error = %ErrorChain(&error),
                                "polar webhook skipped, its assistant is unreadable"
                            );
                            EventOutcome::CorruptRow
                        }
                        applied => applied?,
                    },
                    Err(error) => {
                        tracing::error!(webhook_id = row.webhook_id, error = %error, "polar webhook unreadable");
                        EventOutcome::Unreadable
                    }
                };
                let outcome = outcome.as_str();
                let now: Timestamp = work.now;
                work.tx.finish_polar_webhook(row.position, outcome, now).await?;
                work.commit(None).await?;
                let kind = event.as_ref().map_or("unreadable", PaymentEvent::type_name);
                tracing::info!(webhook_id = row.webhook_id, kind, outcome, "polar webhook processed");
            }
        }
    }
}
