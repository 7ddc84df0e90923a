//! What becomes of a claimed job: done, tried again, released or dead.

use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use uuid::Uuid;

use crate::error::StoreError;
use crate::tx::{Tx, execute};

impl Tx {
    /// Deletes a finished job. If it was enqueued again while it ran, it is released to run once more instead.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn finish_job(&mut self, id: JobId, token: Uuid) -> Result<(), StoreError> {
        let deleted = execute!(
            self,
            "delete from jobs where id = $1 and lease_token = $2 and rerun_requests = 0",
            id,
            token
        );
        if deleted == 0 {
            execute!(
                self,
                "update jobs set lease_token = null, lease_until = null, attempts = 0
                 where id = $1 and lease_token = $2",
                id,
                token,
            );
        }
        Ok(())
    }

    /// Releases a job to run again at `run_at`, or at once if it was enqueued again while it ran.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn retry_job(
        &mut self,
        id: JobId,
        token: Uuid,
        run_at: Timestamp,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update jobs set lease_token = null, lease_until = null, last_error = $4,
                    run_at = case when rerun_requests > 0 then run_at else $3 end
             where id = $1 and lease_token = $2",
            id,
            token,
            run_at,
            error,
        );
        Ok(())
    }

    /// Releases a job without counting the attempt, because this process stops.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn release_job(&mut self, id: JobId, token: Uuid) -> Result<(), StoreError> {
        execute!(
            self,
            "update jobs set lease_token = null, lease_until = null, attempts = attempts - 1
             where id = $1 and lease_token = $2",
            id,
            token,
        );
        Ok(())
    }

    /// Marks a job as dead: it stays visible and does not run again. If it was enqueued again while it ran, it starts
    /// over with no attempts instead.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn mark_job_dead(
        &mut self,
        id: JobId,
        token: Uuid,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        execute!(
            self,
            "update jobs set lease_token = null, lease_until = null, last_error = $4,
                    dead_at = case when rerun_requests > 0 then null else $3 end,
                    attempts = case when rerun_requests > 0 then 0 else attempts end
             where id = $1 and lease_token = $2",
            id,
            token,
            now,
            error,
        );
        Ok(())
    }

    /// Deletes jobs of a kind that died before `before`, for kinds that nobody can repair later; returns how many.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn prune_dead_jobs(&mut self, kind: &str, before: Timestamp) -> Result<u64, StoreError> {
        Ok(execute!(self, "delete from jobs where kind = $1 and dead_at < $2", kind, before))
    }
}
