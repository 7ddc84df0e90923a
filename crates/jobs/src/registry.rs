//! The list of all kinds of jobs.

use futures::future::BoxFuture;
use serde_json::Value;

use crate::job::{Job, JobError, RetryPolicy};

/// A run of a job.
type JobRun = BoxFuture<'static, Result<(), JobError>>;

/// What the runner needs to know of a kind of job.
pub(crate) struct Kind<C> {
    pub name: &'static str,
    pub concurrency: usize,
    pub account_limit: Option<i64>,
    pub retry: RetryPolicy,
    /// Reads the payload and returns the run of the job.
    pub start: fn(&C, &Value) -> Result<JobRun, serde_json::Error>,
}

/// All kinds of jobs of an application.
pub struct Registry<C> {
    kinds: Vec<Kind<C>>,
}

impl<C> Default for Registry<C> {
    fn default() -> Self {
        Self { kinds: Vec::new() }
    }
}

impl<C: Clone + Send + Sync + 'static> Registry<C> {
    /// Adds a kind of job.
    ///
    /// # Panics
    /// When a kind of this name was added before: jobs of one would be run as the other.
    #[must_use]
    pub fn with<J: Job<C>>(mut self) -> Self {
        assert!(self.names().all(|name| name != J::KIND), "job kind {} is registered twice", J::KIND);
        self.kinds.push(Kind {
            name: J::KIND,
            concurrency: J::CONCURRENCY,
            account_limit: J::ACCOUNT_LIMIT,
            retry: J::RETRY,
            start: start::<C, J>,
        });
        self
    }

    /// The names of all kinds, for metrics that list each of them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|kind| kind.name)
    }

    pub(crate) fn into_kinds(self) -> Vec<Kind<C>> {
        self.kinds
    }
}

fn start<C: Clone + Send + Sync + 'static, J: Job<C>>(
    context: &C,
    payload: &Value,
) -> Result<JobRun, serde_json::Error> {
    let job = J::deserialize(payload)?;
    let context = context.clone();
    Ok(Box::pin(async move { job.run(&context).await }))
}
