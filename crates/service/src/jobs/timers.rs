//! Periodic jobs. One of all processes on a database enqueues each of them.

use std::time::Duration;

use super::Job;
use crate::error::Error;
use crate::services::Services;

/// A job that is enqueued periodically.
struct PeriodicJob {
    name: &'static str,
    /// The period, before jitter.
    every: Duration,
    /// The delay after the first start on a database, so that a start is not slowed down.
    first_after: Duration,
    job: Job,
}

const READ_MANAGED_KEYS: PeriodicJob = PeriodicJob {
    name: "read_managed_keys",
    every: Duration::from_secs(120),
    first_after: Duration::from_secs(120),
    job: Job::ReadManagedKeys {},
};

const REFRESH_CATALOG: PeriodicJob = PeriodicJob {
    name: "refresh_catalog",
    every: Duration::from_secs(6 * 3600),
    first_after: Duration::from_secs(60),
    job: Job::RefreshCatalog {},
};

impl Services {
    /// Enqueues the periodic jobs that are due, apart from those without anything to do.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn enqueue_periodic_jobs(&self) -> Result<(), Error> {
        let has_keys =
            self.ports().managed_keys.is_some() && self.store().read().await?.has_managed_keys().await?;
        if has_keys {
            self.enqueue_if_due(READ_MANAGED_KEYS).await?;
        }
        self.enqueue_if_due(REFRESH_CATALOG).await
    }

    async fn enqueue_if_due(&self, timer: PeriodicJob) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        let next = now.plus(self.with_jitter(timer.every));
        let first = now.plus(self.with_jitter(timer.first_after));
        if work.tx.claim_timer(timer.name, now, first, next).await? {
            work.enqueue(timer.job).await?;
        }
        work.commit().await
    }

    /// Adds up to a quarter, so that many installations do not call a vendor at the same moment.
    pub(crate) fn with_jitter(&self, wait: Duration) -> Duration {
        let mut byte = [0];
        self.ports().entropy.fill(&mut byte);
        wait + wait * u32::from(byte[0]) / 1024
    }
}
