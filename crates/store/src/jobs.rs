//! The job queue. It is in the same database as the rest, so that a change and the job that follows from it are
//! committed together. Here jobs are enqueued, rescheduled and counted.

mod claims;
mod outcomes;

use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::error::StoreError;
use crate::tx::{Tx, dialect, execute, fetch_all, fetch_optional};

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct NewJob {
    pub id: JobId,
    pub kind: &'static str,
    /// At most one job has this key. Enqueueing it again while it runs makes it run once more.
    pub dedup_key: Option<String>,
    /// Ids only, no content and no secrets.
    pub payload: Value,
    /// When the job becomes due.
    pub run_at: Timestamp,
    /// The W3C trace context that the job continues.
    pub traceparent: Option<String>,
    /// Jobs of a kind with the same key share a part of its concurrency limit; `None` for no such limit.
    pub concurrency_key: Option<String>,
}

/// A job that this process has claimed.
#[derive(Clone, Debug, PartialEq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    /// Ids only, no content and no secrets.
    pub payload: Json<Value>,
    /// How often the job was claimed, including this time.
    pub attempts: i64,
    pub created_at: Timestamp,
    /// The W3C trace context of the request that enqueued the job first.
    pub traceparent: Option<String>,
}

/// The jobs of one kind that wait or run.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "the names of the other fields say it")]
pub struct OpenJobs {
    pub kind: String,
    pub count: i64,
    /// When the oldest of them was enqueued.
    pub oldest: Timestamp,
    /// The highest number of attempts among them.
    pub attempts: i64,
}

impl Tx {
    /// Enqueues a job. If a job with the same dedup key exists, it runs at the earlier of the two times, and once
    /// more if it is running. A dead one starts again with no attempts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn enqueue(&mut self, job: &NewJob, now: Timestamp) -> Result<(), StoreError> {
        const SQLITE: &str =
            "insert into jobs (id, kind, dedup_key, payload, run_at, attempts, rerun_requests, created_at, traceparent,
                    concurrency_key)
             values ($1, $2, $3, $4, $5, 0, 0, $6, $7, $8)
             on conflict (dedup_key) do update set run_at = min(jobs.run_at, excluded.run_at),
                    rerun_requests = jobs.rerun_requests + 1, dead_at = null,
                    attempts = case when jobs.dead_at is null then jobs.attempts else 0 end";
        const POSTGRES: &str =
            "insert into jobs (id, kind, dedup_key, payload, run_at, attempts, rerun_requests, created_at, traceparent,
                    concurrency_key)
             values ($1, $2, $3, $4, $5, 0, 0, $6, $7, $8)
             on conflict (dedup_key) do update set run_at = least(jobs.run_at, excluded.run_at),
                    rerun_requests = jobs.rerun_requests + 1, dead_at = null,
                    attempts = case when jobs.dead_at is null then jobs.attempts else 0 end";
        let sql = dialect!(self, sqlite: SQLITE, postgres: POSTGRES);
        execute!(
            self,
            sql,
            job.id,
            job.kind,
            &job.dedup_key,
            Json(&job.payload),
            job.run_at,
            now,
            &job.traceparent,
            &job.concurrency_key,
        );
        Ok(())
    }

    /// Deletes a job that is no longer needed, unless it is running.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn cancel_job(&mut self, id: JobId) -> Result<(), StoreError> {
        execute!(self, "delete from jobs where id = $1 and lease_token is null", id);
        Ok(())
    }

    /// Reschedules a job that is not due yet and not running; returns its id, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reschedule_job(
        &mut self,
        dedup_key: &str,
        run_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<JobId>, StoreError> {
        let row: Option<(JobId,)> = fetch_optional!(
            self,
            (JobId,),
            "update jobs set run_at = $2
             where dedup_key = $1 and run_at > $3 and lease_token is null and dead_at is null returning id",
            dedup_key,
            run_at,
            now,
        );
        Ok(row.map(|(id,)| id))
    }

    /// Counts jobs with a dedup key that begins with `prefix` that are not due yet and have had no attempt.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_scheduled_jobs(&mut self, prefix: &str, now: Timestamp) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from jobs
             where substr(dedup_key, 1, $3) = $1 and attempts = 0 and run_at > $2 and dead_at is null",
            prefix,
            now,
            i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX),
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Counts jobs with a dedup key that begins with `prefix` that are running.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_running_jobs(&mut self, prefix: &str, now: Timestamp) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = fetch_optional!(
            self,
            (i64,),
            "select count(*) from jobs where substr(dedup_key, 1, $3) = $1 and lease_until > $2",
            prefix,
            now,
            i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX),
        );
        Ok(row.map_or(0, |(count,)| count))
    }

    /// Finds when the job with this dedup key runs next; `None` when there is none or it is dead.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find_job_run_at(&mut self, dedup_key: &str) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Timestamp,)> = fetch_optional!(
            self,
            (Timestamp,),
            "select run_at from jobs where dedup_key = $1 and dead_at is null",
            dedup_key
        );
        Ok(row.map(|(run_at,)| run_at))
    }

    /// Whether a job with this dedup key is dead.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn is_job_dead(&mut self, dedup_key: &str) -> Result<bool, StoreError> {
        let row: Option<(JobId,)> = fetch_optional!(
            self,
            (JobId,),
            "select id from jobs where dedup_key = $1 and dead_at is not null limit 1",
            dedup_key
        );
        Ok(row.is_some())
    }

    /// Counts the jobs that wait or run, and the dead ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_open_and_dead_jobs(&mut self) -> Result<(i64, i64), StoreError> {
        let row: Option<(i64, i64)> =
            fetch_optional!(self, (i64, i64), "select count(*) - count(dead_at), count(dead_at) from jobs",);
        Ok(row.unwrap_or_default())
    }

    /// Lists what waits or runs by kind. A job that fails again and again shows in the age and the attempts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_open_jobs(&mut self) -> Result<Vec<OpenJobs>, StoreError> {
        Ok(fetch_all!(
            self,
            OpenJobs,
            "select kind, count(*) as count, min(created_at) as oldest, max(attempts) as attempts
             from jobs where dead_at is null group by kind order by kind",
        ))
    }
}
