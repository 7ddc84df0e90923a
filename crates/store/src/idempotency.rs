//! Idempotency keys: which request came first, and what it has done.

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
    /// What it has done, as JSON; `None` while it runs.
    pub outcome: Option<String>,
}

impl Tx {
    /// Claims a key for a request until `lease_until`, and returns the earlier request if there is one. A claim from
    /// before `expired_before` is replaced, and so is a lapsed one without an outcome.
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
            "insert into idempotency_keys (user_id, key, fingerprint, is_rejected, lease_until, created_at)
             values ($1, $2, $3, $7, $4, $5)
             on conflict (user_id, key) do update set fingerprint = excluded.fingerprint, outcome = null,
                    is_rejected = excluded.is_rejected, lease_until = excluded.lease_until, created_at = excluded.created_at
             where idempotency_keys.created_at <= $6
                or (idempotency_keys.outcome is null and idempotency_keys.lease_until <= $5)",
            user,
            key,
            fingerprint,
            lease_until,
            now,
            expired_before,
            false,
        );
        if claimed == 1 {
            return Ok(None);
        }
        Ok(fetch_optional!(
            self,
            IdempotencyKeyRow,
            "select fingerprint, outcome from idempotency_keys
             where user_id = $1 and key = $2",
            user,
            key,
        ))
    }

    /// Extends the claim of a request that has no outcome yet.
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
             where user_id = $1 and key = $2 and fingerprint = $3 and outcome is null",
            user,
            key,
            fingerprint,
            until,
        );
        Ok(())
    }

    /// Saves the outcome of the request that holds a key, as JSON, and whether it was rejected.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn save_outcome(
        &mut self,
        user: UserId,
        key: &str,
        fingerprint: &[u8],
        outcome: &str,
        is_rejected: bool,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update idempotency_keys set outcome = $4, is_rejected = $5
             where user_id = $1 and key = $2 and fingerprint = $3 and outcome is null",
            user,
            key,
            fingerprint,
            outcome,
            is_rejected,
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

    /// Deletes a user's rejected requests except the newest `kept`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_rejected_requests(&mut self, user: UserId, kept: i64) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "delete from idempotency_keys where user_id = $1 and is_rejected and (created_at, key) <=
                    (select created_at, key from idempotency_keys where user_id = $1 and is_rejected
                     order by created_at desc, key desc limit 1 offset $2)",
            user,
            kept,
        ))
    }

    /// Releases a key without an outcome: the next request with it runs.
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
             where user_id = $1 and key = $2 and fingerprint = $3 and outcome is null",
            user,
            key,
            fingerprint,
        );
        Ok(())
    }

    /// Releases every key without an outcome; returns how many. Only for the one process of a database, when it
    /// starts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_idempotency_keys(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where outcome is null"))
    }

    /// Deletes requests from before `expired_before`; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_idempotency_keys(&mut self, expired_before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from idempotency_keys where created_at <= $1", expired_before))
    }
}
