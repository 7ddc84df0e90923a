//! Requests that must not happen twice: who was first, and what they were answered.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// A request that came before with the same key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct EarlierRequest {
    /// Of its method, path and body.
    pub fingerprint: Vec<u8>,
    /// What it was answered; `None` while it runs.
    #[sqlx(rename = "response_status")]
    pub status: Option<i64>,
    /// The answer's body.
    #[sqlx(rename = "response_body")]
    pub body: Option<String>,
}

impl Tx {
    /// Claims a key for a request until `lease_until`; `None` when it is claimed now. A claim from before
    /// `expired`, or one whose holder has died without an answer, is taken over.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_idempotency_key(
        &mut self,
        user: UserId,
        key: &str,
        fingerprint: &[u8],
        now: Timestamp,
        lease_until: Timestamp,
        expired: Timestamp,
    ) -> Result<Option<EarlierRequest>, StoreError> {
        let claimed = execute!(
            self,
            "insert into idempotency_keys (user_id, key, fingerprint, lease_until, created_at)
             values ($1, $2, $3, $4, $5)
             on conflict (user_id, key) do update set fingerprint = excluded.fingerprint, response_status = null,
                    response_body = null, lease_until = excluded.lease_until, created_at = excluded.created_at
             where idempotency_keys.created_at <= $6
                or (idempotency_keys.response_status is null and idempotency_keys.lease_until <= $5)",
            user,
            key,
            fingerprint,
            lease_until,
            now,
            expired,
        );
        if claimed == 1 {
            return Ok(None);
        }
        Ok(fetch_optional!(
            self,
            EarlierRequest,
            "select fingerprint, response_status, response_body from idempotency_keys
             where user_id = $1 and key = $2",
            user,
            key,
        ))
    }

    /// Lets a request that has no answer yet hold its key until a moment.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn extend_idempotency_lease(
        &mut self,
        user: UserId,
        key: &str,
        fingerprint: &[u8],
        until: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update idempotency_keys set lease_until = $4
             where user_id = $1 and key = $2 and fingerprint = $3 and response_status is null",
            user,
            key,
            fingerprint,
            until,
        );
        Ok(())
    }

    /// Keeps the answer to the request that holds a key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep_answer(
        &mut self,
        user: UserId,
        key: &str,
        fingerprint: &[u8],
        status: i64,
        body: &str,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update idempotency_keys set response_status = $4, response_body = $5
             where user_id = $1 and key = $2 and fingerprint = $3 and response_status is null",
            user,
            key,
            fingerprint,
            status,
            body,
        );
        Ok(())
    }

    /// How many of a user's requests are kept, those that run among them; no more than `limit` are counted.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_idempotency(&mut self, user: UserId, limit: i64) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from (select 1 as one from idempotency_keys where user_id = $1 limit $2) as kept",
            user,
            limit,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Forgets a user's refusals (statuses from 400) but the newest `kept`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_refusals(&mut self, user: UserId, kept: i64) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from idempotency_keys where user_id = $1 and response_status >= 400 and (created_at, key) <=
                    (select created_at, key from idempotency_keys where user_id = $1 and response_status >= 400
                     order by created_at desc, key desc limit 1 offset $2)",
            user,
            kept,
        ))
    }

    /// Gives a key back: what was answered is not to be repeated.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn free_idempotency_key(
        &mut self,
        user: UserId,
        key: &str,
        fingerprint: &[u8],
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "delete from idempotency_keys
             where user_id = $1 and key = $2 and fingerprint = $3 and response_status is null",
            user,
            key,
            fingerprint,
        );
        Ok(())
    }

    /// Gives back every key whose request has no answer: for the only process on a database, at its start.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn free_idempotency_keys(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where response_status is null"))
    }

    /// Forgets requests from before `expired`; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_idempotency(&mut self, expired: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where created_at <= $1", expired))
    }
}
