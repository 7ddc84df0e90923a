//! Taking webhooks in and working them off.

use http::HeaderMap;
use reef_domain::{Chain, Timestamp};
use secrecy::ExposeSecret as _;

use super::apply::Source;
use super::event::Event;
use super::signature::is_authentic;
use crate::error::Error;
use crate::jobs::{Job, JobError};
use crate::services::Services;

/// The request's headers, of which the three Standard Webhooks ones count.
pub type WebhookHeaders = HeaderMap;

/// The longest `webhook-id` that is taken in.
const WEBHOOK_ID_MAX: usize = 255;
/// Webhooks worked off in one go; the job comes back for more.
const BATCH: i64 = 50;

impl Services {
    /// Takes one of Polar's webhooks in; the work is done by a job. One that was taken in before is fine.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] when it is not signed by Polar: it leaves nothing behind.
    /// [`Error::InvalidRequest`] when the signed body is not text.
    pub async fn receive_polar(&self, headers: &WebhookHeaders, body: &[u8]) -> Result<(), Error> {
        let secret = self.config().polar_webhook_secret.as_ref().ok_or(Error::Unauthorized)?;
        if !is_authentic(secret.expose_secret(), headers, body, self.now()) {
            return Err(Error::Unauthorized);
        }
        let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let text = std::str::from_utf8(body).ok().filter(|text| !text.contains('\0'));
        let (Some(text), 1..=WEBHOOK_ID_MAX) = (text, id.len()) else {
            return Err(Error::invalid_field("", "invalid_webhook", "The webhook is not readable."));
        };
        let mut work = self.work().await?;
        let now = work.now;
        if work.tx.receive_polar(id, text, now).await? {
            work.enqueue(Job::Polar {}).await?;
        }
        work.commit().await
    }

    /// Works the inbox off, oldest first, one transaction each.
    pub(crate) async fn work_off_polar(&self) -> Result<(), JobError> {
        loop {
            let open = {
                let mut tx = self.store().read().await?;
                tx.open_polar(BATCH).await?
            };
            if open.is_empty() {
                return Ok(());
            }
            for row in open {
                let event = Event::parse(&row.body);
                let mut work = self.work().await?;
                let outcome = match &event {
                    Ok(event) => match self.apply_payment(&mut work, event, Source::Webhook).await {
                        Err(error) if error.is_corrupt_row() => {
                            // Nothing was written, and trying again would only hold up what comes after.
                            tracing::error!(
                                webhook_id = row.webhook_id,
                                error = %Chain(&error),
                                "a webhook of polar is about a row that cannot be read"
                            );
                            "corrupt row"
                        }
                        applied => applied?,
                    },
                    Err(error) => {
                        tracing::error!(webhook_id = row.webhook_id, error = %error, "a webhook of polar cannot be read");
                        "unreadable"
                    }
                };
                let now: Timestamp = work.now;
                work.tx.finish_polar(row.position, outcome, now).await?;
                work.commit().await?;
                let kind = event.as_ref().map_or("unreadable", Event::kind);
                tracing::info!(webhook_id = row.webhook_id, kind, outcome, "webhook of polar worked off");
            }
        }
    }
}
