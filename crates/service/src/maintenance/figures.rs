//! What the operator of an installation needs: whether the database answers, the figures behind the metrics, and the leases
//! of a process that is gone.

use reef_domain::Timestamp;
use reef_domain::wire::Status;
use reef_store::{Backlog, JobCounts, OpenJobs, PoolStatus};

use crate::billing::EndpointHealth;
use crate::error::Error;
use crate::jobs;
use crate::services::Services;

/// The figures of the database, which are the same in every process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Every kind of job, also those without jobs.
    pub jobs: Vec<JobFigures>,
    /// Jobs that are waiting or running, also those of kinds that this version does not know.
    pub jobs_open: i64,
    /// How many assistants have each status, also statuses without assistants.
    pub assistants: Vec<(Status, i64)>,
    /// Polar's webhooks that are received and not processed.
    pub polar_webhooks: Waiting,
    /// Telegram updates that are received and not answered.
    pub bot_updates: Waiting,
    /// Revocations of subscriptions that Polar has not confirmed.
    pub revocations: Waiting,
    /// Since when the most overdue payment check has been due.
    pub payment_checks_overdue_since: Option<Timestamp>,
    /// Since when the most overdue health check has been due.
    pub health_checks_overdue_since: Option<Timestamp>,
    /// The last known state of Polar's webhook endpoint; `None` before the first check.
    pub polar_endpoint: Option<EndpointHealth>,
}

/// The jobs of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobFigures {
    /// The kind, as it is stored.
    pub kind: &'static str,
    /// Jobs without a lease, due or not.
    pub waiting: i64,
    /// Jobs that have a lease.
    pub running: i64,
    /// Jobs that are not attempted again.
    pub dead: i64,
    /// Since when the most overdue one has been due.
    pub overdue_since: Option<Timestamp>,
    /// When the oldest unfinished one was enqueued.
    pub oldest_at: Option<Timestamp>,
    /// The highest number of attempts of an unfinished one.
    pub attempts_max: i64,
}

/// What waits for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The number of waiting entries.
    pub count: i64,
    /// When the oldest arrived.
    pub oldest_at: Option<Timestamp>,
}

/// A pool of connections of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionPool {
    /// What the pool is used for.
    pub name: &'static str,
    /// Open connections, idle or not.
    pub open: u32,
    /// Open connections that nobody uses.
    pub idle: usize,
    /// The most connections that the pool opens.
    pub max: u32,
}

impl From<Backlog> for Waiting {
    fn from(backlog: Backlog) -> Self {
        Self { count: backlog.count, oldest_at: backlog.oldest_at }
    }
}

impl From<PoolStatus> for ConnectionPool {
    fn from(pool: PoolStatus) -> Self {
        Self { name: pool.name, open: pool.open, idle: pool.idle, max: pool.max }
    }
}

impl JobFigures {
    fn of(kind: &'static str, counted: &[JobCounts], open: &[OpenJobs]) -> Self {
        let counted = counted.iter().find(|jobs| jobs.kind == kind);
        let open = open.iter().find(|jobs| jobs.kind == kind);
        Self {
            kind,
            waiting: counted.map_or(0, |jobs| jobs.waiting),
            running: counted.map_or(0, |jobs| jobs.running),
            dead: counted.map_or(0, |jobs| jobs.dead),
            overdue_since: counted.and_then(|jobs| jobs.due_since),
            oldest_at: open.map(|jobs| jobs.oldest),
            attempts_max: open.map_or(0, |jobs| jobs.attempts),
        }
    }
}

impl Services {
    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`Error::Internal`] when it does not.
    pub async fn ping_database(&self) -> Result<(), Error> {
        Ok(self.store().read().await?.ping().await?)
    }

    /// Waits until everything that was read so far can survive a power cut. Responses leave after that.
    ///
    /// # Errors
    /// [`Error::Internal`] when it may be lost.
    pub async fn wait_until_durable(&self) -> Result<(), Error> {
        Ok(self.store().wait_until_durable().await?)
    }

    /// Waits until every process has noticed what was committed so far, so that none reads an older key or record from
    /// memory. Takes a second.
    pub async fn wait_until_followed(&self) {
        tokio::time::sleep(reef_store::FOLLOWED_WITHIN).await;
    }

    /// The connection pools of this process.
    #[must_use]
    pub fn connection_pools(&self) -> Vec<ConnectionPool> {
        self.store().pools().into_iter().map(ConnectionPool::from).collect()
    }

    /// Reads the figures of the database.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database does not answer.
    pub async fn get_figures(&self) -> Result<Figures, Error> {
        let now = self.now();
        let mut tx = self.store().read().await?;
        let (revocations, oldest_revocation) = tx.count_open_revocations().await?;
        let (_, payment_checks_overdue_since) = tx.count_overdue_payment_checks(now).await?;
        let health_checks_overdue_since = tx.find_health_overdue_since(now).await?;
        let polar_endpoint = tx.find_endpoint_status().await?;
        let (counted, open) = (tx.count_jobs_by_kind(now).await?, tx.list_open_jobs().await?);
        let by_status = tx.count_assistants_by_status().await?;
        let count_of = |status: Status| by_status.iter().find(|(name, _)| name == status.as_str());
        Ok(Figures {
            jobs: jobs::kinds().into_iter().map(|kind| JobFigures::of(kind, &counted, &open)).collect(),
            jobs_open: counted.iter().map(|jobs| jobs.waiting + jobs.running).sum(),
            assistants: Status::ALL
                .iter()
                .map(|status| (*status, count_of(*status).map_or(0, |(_, count)| *count)))
                .collect(),
            polar_webhooks: tx.count_open_polar_webhooks().await?.into(),
            bot_updates: tx.count_unanswered_bot_updates().await?.into(),
            revocations: Waiting { count: revocations, oldest_at: oldest_revocation },
            payment_checks_overdue_since,
            health_checks_overdue_since,
            polar_endpoint: polar_endpoint.as_deref().and_then(EndpointHealth::parse),
        })
    }

    /// Releases the leases of a previous process if no other process uses the database, so that its work continues at once.
    ///
    /// # Errors
    /// [`Error::Internal`] when the database does not answer.
    pub async fn release_previous_leases(&self) -> Result<(), Error> {
        if !self.store().is_single_process() {
            return Ok(());
        }
        let mut tx = self.store().begin().await?;
        let jobs = tx.release_job_leases().await?;
        tx.release_idempotency_keys().await?;
        tx.commit().await?;
        if jobs > 0 {
            tracing::info!(jobs, "leases of a previous process released");
        }
        Ok(())
    }
}
