//! What a job is, and what it needs from the application that runs it.

use std::time::Duration;

use reef_domain::Timestamp;
use reef_domain::ids::JobId;
use reef_ports::Entropy;
use reef_store::{NewJob, Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::backoff::Backoff;
use crate::trace::current_traceparent;

/// A kind of job: its payload, its limits, and what it does with the application `C`.
///
/// The payload is stored as JSON, so its field names are fixed once it is released.
pub trait Job<C>: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind, as it is stored and as metrics name it.
    const KIND: &'static str;
    /// How many jobs of this kind run at once in one process.
    const CONCURRENCY: usize;
    /// When a failed job runs again, and when it is dead.
    const RETRY: RetryPolicy;
    /// The most jobs of this kind that one account may have running over all processes; `None` for no such limit. A limit
    /// is needed where a customer's server decides how long a job takes.
    const ACCOUNT_LIMIT: Option<i64> = None;

    /// What distinguishes this job from others of its kind; empty if there is only one. Of equal jobs, at most one waits
    /// or runs.
    fn dedup_id(&self) -> String;

    /// The dedup key of the job in the queue.
    fn dedup_key(&self) -> String {
        let id = self.dedup_id();
        if id.is_empty() { Self::KIND.to_owned() } else { format!("{}:{id}", Self::KIND) }
    }

    /// Runs the job. It is dropped at an await when its lease is lost or the process ends, and then runs again.
    fn run(&self, context: &C) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// The application that jobs run in.
pub trait JobContext: Clone + Send + Sync + 'static {
    /// The database with the queue.
    fn store(&self) -> &Store;
    /// The current time of the injected clock.
    fn now(&self) -> Timestamp;
    /// A new id for a job or a lease.
    fn new_uuid(&self) -> Uuid;
    /// The randomness that jitter comes from.
    fn entropy(&self) -> &dyn Entropy;
    /// Waits until a job may have been enqueued.
    fn wait_for_jobs(&self) -> impl Future<Output = ()> + Send;
    /// Ends the waiting of [`Self::wait_for_jobs`].
    fn wake_job_runner(&self);
}

/// When a failed job runs again, and when it is dead.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    backoff: Backoff,
    max_attempts: Option<i64>,
    /// From this many attempts on, the wait is always this long.
    slow: Option<(i64, Duration)>,
}

impl RetryPolicy {
    /// Retries without a limit of attempts, for a job that has to succeed however long it takes.
    #[must_use]
    pub const fn unlimited(backoff: Backoff) -> Self {
        Self { backoff, max_attempts: None, slow: None }
    }

    /// Retries until the job has failed this many times. Then it is dead.
    #[must_use]
    pub const fn at_most(max_attempts: i64, backoff: Backoff) -> Self {
        Self { backoff, max_attempts: Some(max_attempts), slow: None }
    }

    /// The same policy, but with a constant wait once the job has failed more than `attempts` times.
    #[must_use]
    pub const fn slow_after(self, attempts: i64, wait: Duration) -> Self {
        Self { slow: Some((attempts, wait)), ..self }
    }

    /// Whether a job is dead after this many failed attempts.
    #[must_use]
    pub fn is_exhausted(self, attempts: i64) -> bool {
        self.max_attempts.is_some_and(|max| attempts >= max)
    }

    /// The wait after this many failed attempts.
    #[must_use]
    pub fn wait_after(self, attempts: i64) -> Duration {
        match self.slow {
            Some((after, wait)) if attempts > after => wait,
            _ => self.backoff.wait_after(attempts),
        }
    }
}

/// Why a run of a job did not complete it.
#[derive(Debug)]
pub enum JobError {
    /// Retry as the job's policy says.
    Retry(Box<dyn std::error::Error + Send + Sync>),
    /// Retry at this time, for this reason.
    RetryAt(Timestamp, String),
    /// Mark the job dead.
    Fail(String),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Retry(error.into())
    }
}

/// The row of a job that is due at `run_at`, within the current trace.
///
/// # Errors
/// [`serde_json::Error`] when the payload cannot be serialized.
pub fn new_job<C, J: Job<C>>(job: &J, id: JobId, run_at: Timestamp) -> Result<NewJob, serde_json::Error> {
    Ok(NewJob {
        id,
        kind: J::KIND,
        dedup_key: Some(job.dedup_key()),
        payload: serde_json::to_value(job)?,
        run_at,
        traceparent: current_traceparent(),
        concurrency_key: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

    #[test]
    fn policy_ends_with_the_last_attempt() {
        let limited = RetryPolicy::at_most(3, BACKOFF);
        assert_eq!([1, 2, 3, 4].map(|attempts| limited.is_exhausted(attempts)), [false, false, true, true]);
        assert!(!RetryPolicy::unlimited(BACKOFF).is_exhausted(i64::MAX));
    }

    #[test]
    fn slow_policy_waits_longer_after_its_attempts() {
        let slow = RetryPolicy::unlimited(BACKOFF).slow_after(15, Duration::from_secs(3600));
        assert_eq!([1, 15, 16].map(|attempts| slow.wait_after(attempts).as_secs()), [1, 60, 3600]);
    }
}
