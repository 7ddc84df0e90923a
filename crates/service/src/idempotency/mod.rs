//! `Idempotency-Key`: a request that is repeated with the same key runs once.

mod key;
mod outcome;
mod stored;

use std::convert::Infallible;

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::{ErrorChain, Issue};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use stored::OutcomeRow;

pub(crate) use key::RequestKey;
pub use outcome::{Outcome, Purchased, Rejection};

/// How long an outcome is replayed.
pub(crate) const RETENTION: Duration = Duration::from_secs(24 * 3600);
/// How long a running request holds its key after its process has died.
const LEASE: Duration = Duration::from_secs(10);
/// How often a running request renews the lease of its key.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Requests stored per account. Beyond that, new ones are refused, so that no stored outcome is lost early.
const REQUESTS_MAX: i64 = 10_000;
/// The `Retry-After` of an account that has reached the limit.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Rejected requests stored per account. Beyond that, the oldest are dropped: they changed nothing, so they can run
/// again.
const REJECTIONS_MAX: i64 = 1_000;
/// The longest rejection that is saved, in bytes of JSON; it fits 20 issues.
const REJECTION_MAX: usize = 8 * 1024;
/// The longest key, in bytes.
const KEY_MAX: usize = 255;

/// The right to run the request of an idempotency key.
#[derive(Clone, Debug)]
pub struct Claim {
    caller: Caller,
    key: String,
    fingerprint: Vec<u8>,
}

tokio::task_local! {
    /// The claim that the current task's changes are made under.
    static CLAIM: Claim;
}

/// What came of claiming a key.
#[derive(Clone, Debug)]
pub enum ClaimResult {
    /// The key is new: run the request, then settle the claim.
    New(Claim),
    /// The request has run before, with this outcome.
    Replay(Outcome),
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
    /// Saves the outcome of the claimed request in the same transaction as its changes. If the process dies after the
    /// commit, a repeated request is answered with it. Does nothing outside of a claimed request.
    pub(crate) async fn record_outcome(&mut self, outcome: &Outcome) -> Result<(), Error> {
        let Ok(Claim { caller, key, fingerprint }) = CLAIM.try_with(Clone::clone) else { return Ok(()) };
        let row = OutcomeRow { user: caller.user_id, key: &key };
        let json = self.services.render_outcome(outcome, row)?;
        Ok(self.tx.save_outcome(caller.user_id, &key, &fingerprint, &json, outcome.is_rejected()).await?)
    }
}

impl Services {
    /// Runs a request under its claim and renews the claim meanwhile. The request saves its outcome with its changes.
    pub async fn run_with_claim<T>(&self, claim: &Claim, request: impl Future<Output = T> + Send) -> T {
        tokio::select! {
            answer = CLAIM.scope(claim.clone(), request) => answer,
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
        let key = RequestKey::Api { grant: caller.grant(), key: key.to_owned() };
        self.claim_key(caller, &key, fingerprint).await
    }

    /// As [`Self::claim_request`], for a request of any kind.
    pub(crate) async fn claim_key(
        &self,
        caller: &Caller,
        key: &RequestKey,
        fingerprint: Vec<u8>,
    ) -> Result<ClaimResult, Error> {
        let key = key.to_string();
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
        let Some(json) = earlier.outcome else { return Err(Error::RequestInProgress) };
        let row = OutcomeRow { user: caller.user_id, key: &key };
        let outcome = stored::parse(&json, row, self.vault())?;
        self.forget_changed(caller, &outcome);
        Ok(ClaimResult::Replay(outcome))
    }

    /// The request may have run in another process. From its replay on, this one must not return older records either.
    fn forget_changed(&self, caller: &Caller, outcome: &Outcome) {
        let changed = match outcome {
            Outcome::Record(record) => AssistantId::parse(&record.id),
            Outcome::Purchased(purchased) => Some(purchased.id),
            // None of these is remembered.
            Outcome::Rejected(_)
            | Outcome::Settings(_)
            | Outcome::Person(_)
            | Outcome::OwnerLink(_)
            | Outcome::Message(_) => {
                return;
            }
            Outcome::Deleted | Outcome::Delivery(_) | Outcome::Form => None,
        };
        match changed {
            Some(id) => self.store().forget(caller.user_id, id),
            None => self.store().forget_all(),
        }
    }

    fn render_outcome(&self, outcome: &Outcome, row: OutcomeRow<'_>) -> Result<String, Error> {
        stored::render(outcome, row, self.vault(), &*self.ports().entropy)
    }

    /// Settles a claim: saves the outcome unless the request has saved one with its changes. Without an outcome, or with a
    /// rejection of more than 8 KB, the key is released and the request may run again, which is safe because it has changed
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database fails.
    pub async fn settle_request(&self, claim: &Claim, outcome: Option<&Outcome>) -> Result<(), Error> {
        let Claim { caller, key, fingerprint } = claim;
        let mut tx = self.store().begin().await?;
        let row = OutcomeRow { user: caller.user_id, key };
        let json = outcome.map(|outcome| self.render_outcome(outcome, row)).transpose()?;
        match (outcome, json) {
            (Some(outcome), Some(json)) if !outcome.is_rejected() || json.len() <= REJECTION_MAX => {
                tx.save_outcome(caller.user_id, key, fingerprint, &json, outcome.is_rejected()).await?;
                if outcome.is_rejected() {
                    tx.prune_rejected_requests(caller.user_id, REJECTIONS_MAX).await?;
                }
            }
            _ => tx.release_idempotency_key(caller.user_id, key, fingerprint).await?,
        }
        tx.commit().await?;
        Ok(())
    }
}
