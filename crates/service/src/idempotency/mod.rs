//! `Idempotency-Key`: a request that is repeated with the same key runs once.

mod outcome;

use std::convert::Infallible;

use std::time::Duration;

use reef_domain::{ErrorChain, Issue};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

pub use outcome::{Outcome, Purchased};

/// How long a response is replayed.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 3600);
/// How long a running request holds its key after its process has died.
const LEASE: Duration = Duration::from_secs(10);
/// How often a running request renews the lease of its key.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Requests stored per account. Beyond that, new ones are refused, so that no stored response is lost early.
const REQUESTS_MAX: i64 = 10_000;
/// The `Retry-After` of an account that has reached the limit.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Refused requests stored per account. Beyond that, the oldest are dropped: they changed nothing, so they can run
/// again.
const REFUSALS_MAX: i64 = 1_000;
/// The longest key, in bytes.
const KEY_MAX: usize = 255;

/// The right to run the request of an idempotency key.
#[derive(Clone, Debug)]
pub struct Claim {
    caller: Caller,
    key: String,
    fingerprint: Vec<u8>,
}

/// Renders the response of a request from its outcome: the HTTP status and the body.
pub type RenderOutcome = fn(Outcome<'_>) -> Result<(u16, String), Error>;

tokio::task_local! {
    /// The claim that the current task's changes are made under.
    static CLAIM: (Claim, RenderOutcome);
}

/// What came of claiming a key.
#[derive(Clone, Debug)]
pub enum ClaimResult {
    /// The key is new: run the request, then settle the claim.
    New(Claim),
    /// The request has run before: replay its response.
    Replay {
        /// The HTTP status of the response.
        status: u16,
        /// The body of the response.
        body: String,
    },
}

/// Validates an idempotency key.
///
/// # Errors
/// An issue about the header.
pub fn validate_key(key: &str) -> Result<(), Issue> {
    if (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let message = "The idempotency key must be 1 to 255 visible ASCII characters.";
    Err(Issue::new("Idempotency-Key", "invalid_value", message))
}

impl UnitOfWork<'_> {
    /// Saves the response of the claimed request in the same transaction as its changes. If the process dies after the
    /// commit, a repeated request is answered with it.
    pub(crate) async fn record_outcome(&mut self, outcome: Outcome<'_>) -> Result<(), Error> {
        let Ok((claim, render)) = CLAIM.try_with(Clone::clone) else { return Ok(()) };
        let (status, body) = render(outcome)?;
        let Claim { caller, key, fingerprint } = &claim;
        Ok(self.tx.save_response(caller.user_id, key, fingerprint, i64::from(status), &body).await?)
    }
}

impl Services {
    /// Runs a request under its claim and renews the claim meanwhile. Whatever the request commits saves the response
    /// that `render` makes of its outcome.
    pub async fn run_with_claim<T>(
        &self,
        claim: &Claim,
        render: RenderOutcome,
        request: impl Future<Output = T> + Send,
    ) -> T {
        tokio::select! {
            answer = CLAIM.scope((claim.clone(), render), request) => answer,
            never = self.renew_claim(claim) => match never {},
        }
    }

    async fn renew_claim(&self, claim: &Claim) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let renewal = async {
                let Claim { caller, key, fingerprint } = claim;
                let mut tx = self.store().begin().await?;
                let until = self.now().plus(LEASE);
                tx.renew_idempotency_lease(caller.user_id, key, fingerprint, until).await?;
                tx.commit().await
            };
            if let Err(error) = renewal.await {
                let error = tracing::field::display(ErrorChain(&error));
                tracing::warn!(error, "idempotency key lease not renewed");
            }
        }
    }

    /// Claims a key that passed [`validate_key`]. The fingerprint covers method, path and body of the request.
    ///
    /// # Errors
    /// [`Error::IdempotencyKeyReused`] when the key was used for a different request, [`Error::RequestInProgress`]
    /// while the first request runs, [`Error::RateLimited`] when the account has sent too many requests with keys
    /// within a day.
    pub async fn claim_request(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: Vec<u8>,
    ) -> Result<ClaimResult, Error> {
        // A key that is limited to selected assistants must not see responses to other keys, so its grant is part of
        // the idempotency key. Idempotency keys contain no spaces, so there is no collision.
        let key = match caller.grant() {
            Some(grant) => format!("{grant} {key}"),
            None => key.to_owned(),
        };
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let earlier = tx
            .claim_idempotency_key(
                caller.user_id,
                &key,
                &fingerprint,
                now,
                now.plus(LEASE),
                now.minus(RETENTION),
            )
            .await?;
        if earlier.is_none()
            && tx.count_idempotency_keys(caller.user_id, REQUESTS_MAX + 1).await? > REQUESTS_MAX
        {
            // The claim is rolled back with this transaction.
            let message = "Too many requests with an Idempotency-Key within a day. Wait and try again";
            return Err(Error::RateLimited { message, retry_after_seconds: FULL_RETRY_AFTER.as_secs() });
        }
        tx.commit().await?;
        let Some(earlier) = earlier else {
            return Ok(ClaimResult::New(Claim { caller: *caller, key, fingerprint }));
        };
        if earlier.fingerprint != fingerprint {
            return Err(Error::IdempotencyKeyReused);
        }
        match (earlier.response_status.and_then(|status| u16::try_from(status).ok()), earlier.response_body) {
            (Some(status), Some(body)) => Ok(ClaimResult::Replay { status, body }),
            _ => Err(Error::RequestInProgress),
        }
    }

    /// Settles a claim: saves a final response, or releases the key when there is none.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn settle_request(&self, claim: &Claim, response: Option<(u16, &str)>) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let Claim { caller, key, fingerprint } = claim;
        match response {
            Some((status, body)) => {
                tx.save_response(caller.user_id, key, fingerprint, i64::from(status), body).await?;
                if status >= 400 {
                    tx.prune_error_responses(caller.user_id, REFUSALS_MAX).await?;
                }
            }
            None => tx.release_idempotency_key(caller.user_id, key, fingerprint).await?,
        }
        tx.commit().await?;
        Ok(())
    }
}
