//! Support for plain browser forms: each is carried out once however often it is sent.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::{ClaimResult, Outcome, RequestKey};
use crate::services::Services;
use data_encoding::HEXLOWER;
use reef_vault::fingerprint;

/// How long a repeated form waits for the first one: a little longer than Polar may take to create a checkout.
const WAIT_MAX: Duration = Duration::from_secs(15);
const POLL_EVERY: Duration = Duration::from_millis(150);

impl Services {
    /// A new token for a form, which makes sure that it is carried out once.
    #[must_use]
    pub fn form_token(&self) -> String {
        self.random_hex::<16>()
    }

    /// Carries out a form once per token and content, within a day and over all processes. It runs to its end even if
    /// the caller drops the future, as when a second click closes the first connection. `None` when it was carried out
    /// before. `content` is any text that distinguishes two requests with the same token.
    ///
    /// # Errors
    /// Those of the use case, after which the form may be sent again; [`Error::InvalidRequest`] without a token.
    pub async fn once_per_form<T: Send + 'static>(
        &self,
        caller: &Caller,
        token: &str,
        content: &str,
        use_case: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let key = RequestKey::of_form(&HEXLOWER.encode(&fingerprint("form content", content)), token)?;
        let (services, caller) = (self.clone(), *caller);
        let task = async move {
            match services.claim_or_wait(&caller, &key).await? {
                ClaimResult::New(claim) => {
                    let done = services.run_with_claim(&claim, use_case).await;
                    services.settle_request(&claim, done.is_ok().then_some(&Outcome::Form)).await?;
                    done.map(Some)
                }
                ClaimResult::Replay(_) => Ok(None),
            }
        };
        tokio::spawn(task.in_current_span()).await.map_err(Error::internal)?
    }

    /// Claims a key, waiting while another request with it runs.
    pub(crate) async fn claim_or_wait(
        &self,
        caller: &Caller,
        key: &RequestKey,
    ) -> Result<ClaimResult, Error> {
        let claimed = timeout(WAIT_MAX, async {
            loop {
                match self.claim_key(caller, key, Vec::new()).await {
                    Err(Error::RequestInProgress) => sleep(POLL_EVERY).await,
                    other => return other,
                }
            }
        });
        claimed.await.unwrap_or(Err(Error::RequestInProgress))
    }
}
