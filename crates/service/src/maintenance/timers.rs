//! Periodic jobs. One of all processes on a database enqueues each of them.

use std::time::Duration;

use reef_jobs::with_jitter;

use crate::billing::credit::ReadManagedKeys;
use crate::catalog::RefreshCatalog;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::RegisteredJob;

/// How much jitter may lengthen a period, so that many installations do not call a vendor at the same moment.
const JITTER_PERCENT: u32 = 25;

/// When a job is enqueued periodically.
struct Timer {
    name: &'static str,
    /// The period, before jitter.
    every: Duration,
    /// The delay after the first start on a database, so that a start is not slowed down.
    first_after: Duration,
}

const READ_MANAGED_KEYS: Timer = Timer {
    name: "read_managed_keys",
    every: Duration::from_secs(120),
    first_after: Duration::from_secs(120),
};

const REFRESH_CATALOG: Timer = Timer {
    name: "refresh_catalog",
    every: Duration::from_secs(6 * 3600),
    first_after: Duration::from_secs(60),
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
            self.enqueue_if_due(READ_MANAGED_KEYS, ReadManagedKeys {}).await?;
        }
        self.enqueue_if_due(REFRESH_CATALOG, RefreshCatalog {}).await
    }

    async fn enqueue_if_due(&self, timer: Timer, job: impl RegisteredJob) -> Result<(), Error> {
        let jittered = |wait| with_jitter(wait, JITTER_PERCENT, &*self.ports().entropy);
        let mut work = self.unit_of_work().await?;
        let now = work.now;
        let next = now.plus(jittered(timer.every));
        let first = now.plus(jittered(timer.first_after));
        if work.tx.claim_timer(timer.name, now, first, next).await? {
            work.enqueue(job).await?;
        }
        work.commit(None).await
    }
}
