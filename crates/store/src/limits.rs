//! Counts for limits: requests within a window, and the failed attempts that throttles count.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// The requests of one key or address within a window, summed over all processes.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct RequestCount {
    pub count: i64,
    /// When the window ends.
    pub window_ends_at: Timestamp,
}

/// Attempts in a row that have not succeeded.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct ThrottleRow {
    pub attempts: i64,
    /// No attempt is allowed before then.
    pub blocked_until: Option<Timestamp>,
}

impl Tx {
    /// Finds the count of `subject` if its window is open at `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_request_count(
        &mut self,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<RequestCount>, StoreError> {
        Ok(fetch_optional!(
            self,
            RequestCount,
            "select count, window_ends_at from request_counts where subject = $1 and window_ends_at > $2",
            subject,
            now,
        ))
    }

    /// Adds `count` requests to the sum of `subject`, and returns the sum. If no window is open at `now`, a new one
    /// begins, which ends at `ends_at`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_requests(
        &mut self,
        subject: &str,
        count: i64,
        window_ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<RequestCount, StoreError> {
        let sum = fetch_optional!(
            self,
            RequestCount,
            "insert into request_counts (subject, count, window_ends_at) values ($1, $2, $3)
             on conflict (subject) do update set
                    count = excluded.count
                        + case when request_counts.window_ends_at <= $4 then 0 else request_counts.count end,
                    window_ends_at = case when request_counts.window_ends_at <= $4 then excluded.window_ends_at
                                          else request_counts.window_ends_at end
             returning count, window_ends_at",
            subject,
            count,
            window_ends_at,
            now,
        );
        Ok(sum.unwrap_or(RequestCount { count, window_ends_at }))
    }

    /// Counts an attempt of `subject`, and returns how many there have been in a row. The row expires at `expires_at`
    /// if no further attempt follows, and it stays locked until the transaction ends. `account` is the account that
    /// the attempt was made against, if it was one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_throttle_attempt(
        &mut self,
        subject: &str,
        account: Option<&str>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<ThrottleRow, StoreError> {
        let throttle = fetch_optional!(
            self,
            ThrottleRow,
            "insert into throttles (subject, account, attempts, expires_at) values ($1, $4, 1, $3)
             on conflict (subject) do update set
                    account = excluded.account,
                    attempts = 1 + case when throttles.expires_at <= $2 then 0 else throttles.attempts end,
                    blocked_until = case when throttles.expires_at <= $2 then null else throttles.blocked_until end,
                    expires_at = excluded.expires_at
             returning attempts, blocked_until",
            subject,
            now,
            expires_at,
            account,
        );
        Ok(throttle.unwrap_or(ThrottleRow { attempts: 1, blocked_until: None }))
    }

    /// Allows no attempt of `subject` before `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn block_throttle(&mut self, subject: &str, until: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update throttles set blocked_until = $2 where subject = $1", subject, until);
        Ok(())
    }

    /// Gives back an attempt of `subject` that has succeeded, and ends the block.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_throttle_attempt(&mut self, subject: &str) -> Result<(), StoreError> {
        execute!(
            self,
            "update throttles set attempts = attempts - 1, blocked_until = null where subject = $1 and attempts > 0",
            subject,
        );
        Ok(())
    }

    /// Deletes the throttle of `subject`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reset_throttle(&mut self, subject: &str) -> Result<(), StoreError> {
        execute!(self, "delete from throttles where subject = $1", subject);
        Ok(())
    }

    /// Deletes every throttle of attempts that were made against an account.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reset_account_throttles(&mut self, account: &str) -> Result<(), StoreError> {
        execute!(self, "delete from throttles where account = $1", account);
        Ok(())
    }

    /// Deletes windows that have ended and throttles that have expired; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_limits(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let counts = execute!(self, "delete from request_counts where window_ends_at <= $1", now);
        let throttles = execute!(self, "delete from throttles where expires_at <= $1", now);
        Ok(counts + throttles)
    }
}
