//! What waits and what there is, counted for an operator. The database's, not this process's: every process sees the
//! same.

use reef_domain::Timestamp;
use sqlx::FromRow;

use crate::connect::Store;
use crate::error::StoreError;
use crate::tx::{Tx, fetch_all, fetch_optional};

/// The jobs of one kind.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct JobsTally {
    /// Which kind.
    pub kind: String,
    /// How many nobody holds, due or not.
    pub waiting: i64,
    /// How many somebody holds.
    pub running: i64,
    /// How many were given up.
    pub dead: i64,
    /// Since when the one that is due the longest has been due.
    pub due_since: Option<Timestamp>,
}

/// Things that wait in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Waiting {
    /// How many.
    pub count: i64,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
}

/// A pool of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What it is for.
    pub name: &'static str,
    /// How many are open.
    pub open: u32,
    /// How many of those nobody uses.
    pub idle: usize,
    /// How many there may be.
    pub max: u32,
}

impl Store {
    /// This process's connections.
    #[must_use]
    pub fn pools(&self) -> Vec<Pool> {
        match self {
            Self::Sqlite { write, read } => [("write", write), ("read", read)]
                .map(|(name, pool)| Pool {
                    name,
                    open: pool.size(),
                    idle: pool.num_idle(),
                    max: pool.options().get_max_connections(),
                })
                .into(),
            Self::Postgres(pool) => vec![Pool {
                name: "all",
                open: pool.size(),
                idle: pool.num_idle(),
                max: pool.options().get_max_connections(),
            }],
        }
    }
}

impl Tx {
    /// The jobs by kind; a kind of which there are none is left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tally_jobs(&mut self, now: Timestamp) -> Result<Vec<JobsTally>, StoreError> {
        Ok(fetch_all!(
            self,
            JobsTally,
            "select kind, count(*) filter (where dead_at is null and (lease_until is null or lease_until <= $1)) as waiting,
                    count(*) filter (where dead_at is null and lease_until > $1) as running, count(dead_at) as dead,
                    min(run_at) filter (where dead_at is null and run_at <= $1
                                        and (lease_until is null or lease_until <= $1)) as due_since
             from jobs group by kind order by kind",
            now,
        ))
    }

    /// The assistants by status; a status in which there are none is left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tally_assistants(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(fetch_all!(
            self,
            (String, i64),
            "select status, count(*) from assistants group by status order by status"
        ))
    }

    /// Polar's webhooks that are not worked off.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tally_polar(&mut self) -> Result<Waiting, StoreError> {
        let sql = "select count(*) as count, min(received_at) as oldest from polar_inbox where processed_at is null";
        Ok(fetch_optional!(self, Waiting, sql).unwrap_or_default())
    }

    /// What people have said to bots and nobody has answered.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn tally_updates(&mut self) -> Result<Waiting, StoreError> {
        let sql =
            "select count(*) as count, min(received_at) as oldest from bot_updates where done_at is null";
        Ok(fetch_optional!(self, Waiting, sql).unwrap_or_default())
    }
}
