//! Authenticates requests to a bot's webhook by their headers, before the body is read.

use reef_domain::ErrorChain;
use reef_store::{StoreError, Tx, WorkerRow};
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use crate::embedded::host::Embedded;
use crate::embedded::receive::WebhookOutcome;
use crate::embedded::sealed::{self, OpenedSettings};

impl Embedded {
    /// Checks that the worker exists and that `secret` is its webhook secret, so that the body of a request can be
    /// rejected unread.
    ///
    /// # Errors
    /// The result that [`Self::receive`] would return for any body.
    pub async fn verify_webhook(
        &self,
        worker_name: &str,
        secret: Option<&str>,
    ) -> Result<(), WebhookOutcome> {
        let verified = async {
            let mut tx = self.inner.store.read().await?;
            self.verified_worker(&mut tx, worker_name, secret).await
        };
        match verified.await {
            Ok(admitted) => admitted.map(drop),
            Err(error) => {
                tracing::error!(worker_name, error = %ErrorChain(&error), "worker could not be read");
                Err(WebhookOutcome::Unavailable)
            }
        }
    }

    /// Finds the worker and its settings, if `secret` is the one that Telegram was given for it.
    pub(crate) async fn verified_worker(
        &self,
        tx: &mut Tx,
        worker_name: &str,
        secret: Option<&str>,
    ) -> Result<Result<(WorkerRow, OpenedSettings), WebhookOutcome>, StoreError> {
        let inner = &self.inner;
        let Some(worker) = tx.find_worker(worker_name).await? else {
            return Ok(Err(WebhookOutcome::UnknownWorker));
        };
        let opened = match sealed::open(&inner.vault, &inner.config, &worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(worker_name, %error, "worker settings could not be opened");
                return Ok(Err(WebhookOutcome::Unavailable));
            }
        };
        let expected = opened.webhook_secret.expose_secret().as_bytes();
        let is_telegram = bool::from(secret.unwrap_or_default().as_bytes().ct_eq(expected));
        if expected.is_empty() || !is_telegram {
            return Ok(Err(WebhookOutcome::WrongSecret));
        }
        Ok(Ok((worker, opened)))
    }
}
