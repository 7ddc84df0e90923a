//! Idempotency keys: which request came first, and the response that repeats of it get.

use reef_domain::Timestamp;
use reef_domain::ids::UserId;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// An earlier request with the same idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct IdempotencyKeyRow {
    /// A hash of its method, path and body.
    pub fingerprint: Vec<u8>,
    /// The status of its saved response; `None` while it runs.
    pub response_status: Option<i64>,
    /// The body of its saved response.
    pub response_body: Option<String>,
}

impl Tx {
    /// Claims a key for a request until `lease_until`, and returns the earlier request if there is one. A claim from
    /// before `expired_before` is replaced, and so is a lapsed one without a response.
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
        expired_before: Timestamp,
    ) -> Result<Option<IdempotencyKeyRow>, StoreError> {
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
            expired_before,
        );
        if claimed == 1 {
            return Ok(None);
        }
        Ok(fetch_optional!(
            self,
            IdempotencyKeyRow,
            "select fingerprint, response_status, response_body from idempotency_keys
             where user_id = $1 and key = $2",
            user,
            key,
        ))
    }

    /// Extends the claim of a request that has no response yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_idempotency_lease(
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

    /// Saves the response of the request that holds a key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_response(
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

    /// Counts a user's stored requests, running ones included, up to `limit`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_idempotency_keys(&mut self, user: UserId, limit: i64) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from (select 1 as one from idempotency_keys where user_id = $1 limit $2) as kept",
            user,
            limit,
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Deletes saved error responses of a user (statuses from 400) except the newest `kept`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_error_responses(&mut self, user: UserId, kept: i64) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from idempotency_keys where user_id = $1 and response_status >= 400 and (created_at, key) <=
                    (select created_at, key from idempotency_keys where user_id = $1 and response_status >= 400
                     order by created_at desc, key desc limit 1 offset $2)",
            user,
            kept,
        ))
    }

    /// Releases a key without a response: the next request with it runs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_idempotency_key(
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

    /// Releases every key without a response; returns how many. Only for the one process of a database, when it
    /// starts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_idempotency_keys(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where response_status is null"))
    }

    /// Deletes requests from before `expired_before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_idempotency_keys(&mut self, expired_before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where created_at <= $1", expired_before))
    }
}
