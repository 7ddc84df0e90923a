//! Counts for metrics. Those of the database are the same in every process; the connection pools are those of this
//! process.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, fetch_all, fetch_optional};

/// The jobs of one kind.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct JobCounts {
    pub kind: String,
    /// Jobs without a lease, due or not.
    pub waiting: i64,
    /// Jobs that have a lease.
    pub running: i64,
    pub dead: i64,
    /// When the job that has been due longest became due.
    pub due_since: Option<Timestamp>,
}

/// What waits to be processed.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct Backlog {
    pub count: i64,
    /// When the oldest arrived.
    pub oldest_at: Option<Timestamp>,
}

/// The state of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct PoolStatus {
    /// What the pool is used for.
    pub name: &'static str,
    pub open: u32,
    pub idle: usize,
    pub max: u32,
}

impl Store {
    /// The connection pools of this process.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolStatus> {
        match self {
            Self::Sqlite { write, read, .. } => [("write", write), ("read", read)]
                .map(|(name, pool)| PoolStatus {
                    name,
                    open: pool.size(),
                    idle: pool.num_idle(),
                    max: pool.options().get_max_connections(),
                })
                .into(),
            Self::Postgres(pool) => vec![PoolStatus {
                name: "all",
                open: pool.size(),
                idle: pool.num_idle(),
                max: pool.options().get_max_connections(),
            }],
        }
    }
}

impl Tx {
    /// Counts jobs by kind. Kinds without jobs are left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_jobs_by_kind(&mut self, now: Timestamp) -> Result<Vec<JobCounts>, StoreError> {
        Ok(fetch_all!(
            self,
            JobCounts,
            "select kind, count(*) filter (where dead_at is null and (lease_until is null or lease_until <= $1)) as waiting,
                    count(*) filter (where dead_at is null and lease_until > $1) as running, count(dead_at) as dead,
                    min(run_at) filter (where dead_at is null and run_at <= $1
                                        and (lease_until is null or lease_until <= $1)) as due_since
             from jobs group by kind order by kind",
            now,
        ))
    }

    /// Counts the assistants of all users by status. Statuses without assistants are left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_assistants_by_status(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(fetch_all!(
            self,
            (String, i64),
            "select status, count(*) from assistants group by status order by status"
        ))
    }

    /// Counts Polar's webhooks that are not processed.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_open_polar_webhooks(&mut self) -> Result<Backlog, StoreError> {
        let sql = "select count(*) as count, min(received_at) as oldest_at from polar_inbox where processed_at is null";
        Ok(fetch_optional!(self, Backlog, sql).unwrap_or_default())
    }

    /// Counts the updates to bots that are not answered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_unanswered_bot_updates(&mut self) -> Result<Backlog, StoreError> {
        let sql =
            "select count(*) as count, min(received_at) as oldest_at from bot_updates where done_at is null";
        Ok(fetch_optional!(self, Backlog, sql).unwrap_or_default())
    }
}
