//! Claiming due jobs under a lease, one by one or with a share for each concurrency key.

use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use uuid::Uuid;

use super::JobRow;
use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all};

impl Tx {
    /// Leases up to `limit` due jobs of a kind to the holder of `token` until `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_jobs(
        &mut self,
        kind: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        const SQLITE: &str =
            "update jobs set lease_token = $2, lease_until = $4, attempts = attempts + 1, rerun_requests = 0
             where id in (select id from jobs where kind = $1 and dead_at is null and run_at <= $3
                          and (lease_until is null or lease_until <= $3) order by run_at, id limit $5)
             returning id, kind, payload, attempts, created_at, traceparent";
        // PostgreSQL builds the array once. An `in (select …)` may run once per row and skip the rows locked so far, which
        // would claim more than `limit` jobs.
        const POSTGRES: &str =
            "update jobs set lease_token = $2, lease_until = $4, attempts = attempts + 1, rerun_requests = 0
             where id = any (array(select id from jobs where kind = $1 and dead_at is null and run_at <= $3
                                   and (lease_until is null or lease_until <= $3) order by run_at, id limit $5
                                   for update skip locked))
             returning id, kind, payload, attempts, created_at, traceparent";
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        Ok(fetch_all!(self, JobRow, sql, kind, token, now, until, limit))
    }

    /// Claims like [`Self::claim_jobs`], but so that at most `per_key` jobs with the same concurrency key are held at
    /// once. Keys with the fewest held jobs come first, so that nobody waits for the queue of another.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_jobs_fairly(
        &mut self,
        kind: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
        limit: i64,
        per_key: i64,
    ) -> Result<Vec<JobRow>, StoreError> {
        /// The due jobs, ordered by how many jobs with their key would be held with them.
        macro_rules! due_within_limits {
            () => {
                "select due_jobs.id, due_jobs.run_at, due_jobs.place + coalesce(held.jobs, 0) as place
                 from (select id, run_at, concurrency_key,
                              row_number() over (partition by concurrency_key order by run_at, id) as place
                       from jobs where kind = $1 and dead_at is null and run_at <= $3
                            and (lease_until is null or lease_until <= $3)) as due_jobs
                 left join (select concurrency_key, count(*) as jobs from jobs
                            where kind = $1 and dead_at is null and lease_until > $3 group by concurrency_key) as held
                      on held.concurrency_key = due_jobs.concurrency_key
                 where due_jobs.place + coalesce(held.jobs, 0) <= $6
                 order by 3, due_jobs.run_at, due_jobs.id limit $5"
            };
        }
        const SQLITE: &str = concat!(
            "update jobs set lease_token = $2, lease_until = $4, attempts = attempts + 1, rerun_requests = 0
             where id in (select id from (",
            due_within_limits!(),
            ") as chosen) returning id, kind, payload, attempts, created_at, traceparent"
        );
        // Jobs that another process has claimed meanwhile are skipped.
        const POSTGRES: &str = concat!(
            "update jobs set lease_token = $2, lease_until = $4, attempts = attempts + 1, rerun_requests = 0
             where id = any (array(select id from jobs where id in (select id from (",
            due_within_limits!(),
            ") as chosen) and (lease_until is null or lease_until <= $3) for update skip locked))
             returning id, kind, payload, attempts, created_at, traceparent"
        );
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        Ok(fetch_all!(self, JobRow, sql, kind, token, now, until, limit, per_key))
    }

    /// Lists when the next job of each kind is due, as `(kind, time)`. A leased job is due when its lease ends.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_next_job_times(
        &mut self,
        now: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        Ok(fetch_all!(
            self,
            (String, Timestamp),
            "select kind, min(case when lease_until > $1 then lease_until else run_at end)
             from jobs where dead_at is null group by kind",
            now,
        ))
    }

    /// Extends the lease on a job; `false` when another process has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn renew_job_lease(
        &mut self,
        id: JobId,
        token: Uuid,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let renewed = execute!(
            self,
            "update jobs set lease_until = $3 where id = $1 and lease_token = $2",
            id,
            token,
            until
        );
        Ok(renewed == 1)
    }

    /// Releases every lease; returns how many. Only for the one process of a database, when it starts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_job_leases(&mut self) -> Result<u64, StoreError> {
        Ok(execute!(
            self,
            "update jobs set lease_token = null, lease_until = null where lease_token is not null"
        ))
    }
}
