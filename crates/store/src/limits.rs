//! What has been counted against limits: requests within a window, and tries that have not succeeded.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::tx::{Tx, execute, fetch_optional};

/// How many requests of a key or an address all processes have counted within a window.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RequestCount {
    /// So many.
    pub count: i64,
    /// When the window ends.
    #[sqlx(rename = "window_ends_at")]
    pub ends_at: Timestamp,
}

/// Tries that have not succeeded.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Tries {
    /// So many.
    #[sqlx(rename = "attempts")]
    pub count: i64,
    /// Until when there may be no other.
    pub blocked_until: Option<Timestamp>,
}

impl Tx {
    /// What is counted for `subject` in a window that is open `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn request_count(
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

    /// Adds `count` requests of a process to what all have counted for `subject`, and gives the sum. When no window is
    /// open `now`, one that ends at `ends_at` begins with them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_requests(
        &mut self,
        subject: &str,
        count: i64,
        ends_at: Timestamp,
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
            ends_at,
            now,
        );
        Ok(sum.unwrap_or(RequestCount { count, ends_at }))
    }

    /// Counts a try of `subject`, and gives how many there have been in a row without a pause until `forgotten_at`. The
    /// row stays locked until the transaction ends. `owner` names whose account it was made against, if it was one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_try(
        &mut self,
        subject: &str,
        owner: Option<&str>,
        now: Timestamp,
        forgotten_at: Timestamp,
    ) -> Result<Tries, StoreError> {
        let tries = fetch_optional!(
            self,
            Tries,
            "insert into throttles (subject, account, attempts, expires_at) values ($1, $4, 1, $3)
             on conflict (subject) do update set
                    account = excluded.account,
                    attempts = 1 + case when throttles.expires_at <= $2 then 0 else throttles.attempts end,
                    blocked_until = case when throttles.expires_at <= $2 then null else throttles.blocked_until end,
                    expires_at = excluded.expires_at
             returning attempts, blocked_until",
            subject,
            now,
            forgotten_at,
            owner,
        );
        Ok(tries.unwrap_or(Tries { count: 1, blocked_until: None }))
    }

    /// Allows no other try of `subject` before `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn block_tries(&mut self, subject: &str, until: Timestamp) -> Result<(), StoreError> {
        execute!(self, "update throttles set blocked_until = $2 where subject = $1", subject, until);
        Ok(())
    }

    /// Takes back one try of `subject`: it has succeeded.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_back_try(&mut self, subject: &str) -> Result<(), StoreError> {
        execute!(
            self,
            "update throttles set attempts = attempts - 1, blocked_until = null where subject = $1 and attempts > 0",
            subject,
        );
        Ok(())
    }

    /// Forgets every try of `subject`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_tries(&mut self, subject: &str) -> Result<(), StoreError> {
        execute!(self, "delete from throttles where subject = $1", subject);
        Ok(())
    }

    /// Forgets every try that was made against an account, from wherever.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_tries_against(&mut self, owner: &str) -> Result<(), StoreError> {
        execute!(self, "delete from throttles where account = $1", owner);
        Ok(())
    }

    /// Forgets counts and tries that are over; gives how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_limits(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let counts = execute!(self, "delete from request_counts where window_ends_at <= $1", now);
        let tries = execute!(self, "delete from throttles where expires_at <= $1", now);
        Ok(counts + tries)
    }
}
