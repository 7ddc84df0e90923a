//! `Idempotency-Key`: a request repeated with the same key happens once.

use std::convert::Infallible;
use std::time::Duration;

use reef_domain::wire::AssistantRecord;
use reef_domain::{Chain, Issue};

use crate::assistants::Purchased;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::work::Work;

/// How long an answer is repeated.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a request without an answer holds its key, when its process has died.
const LEASE: Duration = Duration::from_secs(10);
/// How often the holder of a key says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Requests of one account that are kept. Who has more within a day gets no new ones: what was answered stays true.
const KEPT_MAX: i64 = 10_000;
/// When to come back then.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Of them refusals. Beyond, the oldest are forgotten: they have changed nothing, and asked again they are decided again.
const REFUSALS_KEPT_MAX: i64 = 1_000;
/// The longest key, in bytes.
const KEY_MAX: usize = 255;

/// A request with a key that is to be carried out now.
#[derive(Clone, Debug)]
pub struct Claim {
    caller: Caller,
    key: String,
    fingerprint: Vec<u8>,
}

/// What a change has come to.
#[derive(Clone, Copy, Debug)]
pub enum Done<'a> {
    /// The assistant is this now.
    Record(&'a AssistantRecord),
    /// A slot was ordered.
    Purchased(&'a Purchased),
    /// An assistant was deleted.
    Deleted,
}

/// How what was done is answered: the HTTP status and the body.
pub type Render = fn(Done<'_>) -> Result<(u16, String), Error>;

tokio::task_local! {
    /// The claim that the task's changes are made under.
    static CLAIM: (Claim, Render);
}

/// What a key means.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// Carry it out, then settle the claim.
    First(Claim),
    /// It has happened: this was the answer.
    Before {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}

/// Passes for what can be a key.
///
/// # Errors
/// What is wrong with the header.
pub fn check_key(key: &str) -> Result<(), Issue> {
    if (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let message = "An idempotency key has 1 to 255 visible ASCII characters.";
    Err(Issue::new("Idempotency-Key", "invalid_value", message))
}

impl Work<'_> {
    /// Keeps the answer of the request that this is done for, in the same transaction: a process that dies after the
    /// commit has answered all the same, when the client asks again.
    pub(crate) async fn done(&mut self, done: Done<'_>) -> Result<(), Error> {
        let Ok((claim, render)) = CLAIM.try_with(Clone::clone) else { return Ok(()) };
        let (status, body) = render(done)?;
        let Claim { caller, key, fingerprint } = &claim;
        Ok(self.tx.keep_answer(caller.user_id, key, fingerprint, i64::from(status), &body).await?)
    }
}

impl Services {
    /// Carries a request out under its claim, which it keeps alive meanwhile. What the request commits is answered by
    /// the same commit, as `render` words it.
    pub async fn under_claim<T>(
        &self,
        claim: &Claim,
        render: Render,
        request: impl Future<Output = T> + Send,
    ) -> T {
        tokio::select! {
            answer = CLAIM.scope((claim.clone(), render), request) => answer,
            never = self.keep_claim(claim) => match never {},
        }
    }

    async fn keep_claim(&self, claim: &Claim) -> Infallible {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let kept = async {
                let Claim { caller, key, fingerprint } = claim;
                let mut tx = self.store().begin().await?;
                let until = self.now().plus(LEASE);
                tx.extend_idempotency_lease(caller.user_id, key, fingerprint, until).await?;
                tx.commit().await
            };
            if let Err(error) = kept.await {
                let error = tracing::field::display(Chain(&error));
                tracing::warn!(error, "the claim of an idempotency key could not be kept alive");
            }
        }
    }

    /// Claims a key that [`check_key`] has passed for a request whose method, path and body have this fingerprint.
    ///
    /// # Errors
    /// [`Error::IdempotencyKeyReused`] when it was used for
    /// another request, [`Error::RequestInProgress`] while the first request runs, [`Error::RateLimited`] when the account
    /// has had too many requests with keys within a day.
    pub async fn claim_request(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: Vec<u8>,
    ) -> Result<Claimed, Error> {
        // A key that is limited to single assistants is told nothing of what other keys were answered. No idempotency
        // key has a space in it.
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
                now.minus(KEPT_FOR),
            )
            .await?;
        if earlier.is_none() && tx.count_idempotency(caller.user_id, KEPT_MAX + 1).await? > KEPT_MAX {
            // The claim ends with this transaction, which is not committed.
            let message = "Too many requests with an Idempotency-Key within a day; wait and try again";
            return Err(Error::RateLimited { message, retry_after_seconds: FULL_RETRY_AFTER.as_secs() });
        }
        tx.commit().await?;
        let Some(earlier) = earlier else {
            return Ok(Claimed::First(Claim { caller: *caller, key, fingerprint }));
        };
        if earlier.fingerprint != fingerprint {
            return Err(Error::IdempotencyKeyReused);
        }
        match (earlier.status.and_then(|status| u16::try_from(status).ok()), earlier.body) {
            (Some(status), Some(body)) => Ok(Claimed::Before { status, body }),
            _ => Err(Error::RequestInProgress),
        }
    }

    /// Settles a claim: an answer that stands is kept, any other leaves the key free.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn settle_request(&self, claim: &Claim, answer: Option<(u16, &str)>) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let Claim { caller, key, fingerprint } = claim;
        match answer {
            Some((status, body)) => {
                tx.keep_answer(caller.user_id, key, fingerprint, i64::from(status), body).await?;
                if status >= 400 {
                    tx.forget_refusals(caller.user_id, REFUSALS_KEPT_MAX).await?;
                }
            }
            None => tx.free_idempotency_key(caller.user_id, key, fingerprint).await?,
        }
        tx.commit().await?;
        Ok(())
    }
}
