//! Whether a webhook's request comes from Telegram, by its headers alone: before its body is read.

use reef_domain::Chain;
use reef_store::StoreError;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use crate::embedded::Embedded;
use crate::receive::Received;
use crate::sealed;

impl Embedded {
    /// Passes for a worker that is there and whose secret this is.
    ///
    /// # Errors
    /// What [`Self::receive`] would answer, whatever the body.
    pub async fn admit(&self, worker_name: &str, secret: Option<&str>) -> Result<(), Received> {
        self.check_secret(worker_name, secret.unwrap_or_default()).await.unwrap_or_else(|error| {
            tracing::error!(worker_name, error = %Chain(&error), "a worker could not be looked up");
            Err(Received::Unavailable)
        })
    }

    async fn check_secret(
        &self,
        worker_name: &str,
        secret: &str,
    ) -> Result<Result<(), Received>, StoreError> {
        let inner = &self.inner;
        let Some(worker) = inner.store.read().await?.worker(worker_name).await? else {
            return Ok(Err(Received::Unknown));
        };
        let opened = match sealed::open(&inner.vault, &inner.config, &worker) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(worker_name, %error, "a worker's settings cannot be opened");
                return Ok(Err(Received::Unavailable));
            }
        };
        let expected = opened.webhook_secret.expose_secret().as_bytes();
        let is_telegram = !expected.is_empty() && bool::from(secret.as_bytes().ct_eq(expected));
        Ok(if is_telegram { Ok(()) } else { Err(Received::WrongSecret) })
    }
}
