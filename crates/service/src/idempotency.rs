//! `Idempotency-Key`: a request repeated with the same key happens once.

use std::time::Duration;

use reef_domain::Issue;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

/// How long an answer is repeated.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a request without an answer holds its key, when its process has died.
const LEASE: Duration = Duration::from_secs(60);
/// The longest key, in bytes.
const KEY_MAX: usize = 255;

/// A request with a key that is to be carried out now.
#[derive(Clone, Debug)]
pub struct Claim {
    caller: Caller,
    key: String,
    fingerprint: Vec<u8>,
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

impl Services {
    /// Claims a key for a request whose method, path and body have this fingerprint.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a key that is none, [`Error::IdempotencyKeyReused`] when it was used for
    /// another request, [`Error::RequestInProgress`] while the first request runs.
    pub async fn claim_request(
        &self,
        caller: &Caller,
        key: &str,
        fingerprint: Vec<u8>,
    ) -> Result<Claimed, Error> {
        if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "An idempotency key has 1 to 255 visible ASCII characters.";
            return Err(Error::InvalidRequest(vec![Issue::new("Idempotency-Key", "invalid_value", message)]));
        }
        let now = self.now();
        let mut tx = self.store().begin().await?;
        let earlier = tx
            .claim_idempotency_key(
                caller.user_id,
                key,
                &fingerprint,
                now,
                now.plus(LEASE),
                now.minus(KEPT_FOR),
            )
            .await?;
        tx.commit().await?;
        let Some(earlier) = earlier else {
            return Ok(Claimed::First(Claim { caller: *caller, key: key.to_owned(), fingerprint }));
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
            }
            None => tx.free_idempotency_key(caller.user_id, key, fingerprint).await?,
        }
        tx.commit().await?;
        Ok(())
    }
}
