//! The job runner: claims jobs under a lease, runs a few of each kind at once, and is woken by a signal or by the clock.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use reef_domain::ids::JobId;
use reef_domain::{Chain, Timestamp};
use reef_store::JobRow;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{Job, JobError};
use crate::error::Error;
use crate::services::Services;

/// How long a claimed job stays claimed after its process has died.
const LEASE: Duration = Duration::from_secs(10);
/// How often a lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// The longest wait between two polls, which find the jobs that other processes have enqueued.
const POLL: Duration = Duration::from_secs(1);
/// How long running jobs may continue after a shutdown was requested; then they are released.
const GRACE: Duration = Duration::from_secs(10);
/// The most jobs of a kind that are claimed at once.
const CLAIM_MAX: usize = 16;

struct Lane {
    kind: &'static str,
    permits: Arc<Semaphore>,
}

/// Runs the jobs of one process.
pub struct Runner {
    services: Services,
    /// The holder of the leases.
    token: Uuid,
    lanes: Vec<Lane>,
    running: TaskTracker,
    abort: CancellationToken,
}

impl Runner {
    /// Creates a runner with a lease token of its own.
    #[must_use]
    pub fn new(services: Services) -> Self {
        let token = services.new_uuid();
        let lanes =
            Job::LANES.map(|(kind, at_once)| Lane { kind, permits: Arc::new(Semaphore::new(at_once)) });
        Self {
            services,
            token,
            lanes: lanes.into(),
            running: TaskTracker::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Runs jobs until `stop`, then gives running jobs 10 s to end and releases the rest.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = match self.start_due().await {
                Ok(next) => next.map_or(POLL, |next| next.since(self.services.now()).min(POLL)),
                Err(error) => {
                    tracing::error!(error = %Chain(&error), "claiming jobs failed");
                    POLL
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.services.hub().woken() => {}
                () = sleep(self.jittered(wait)) => {}
            }
        }
        self.running.close();
        if timeout(GRACE, self.running.wait()).await.is_err() {
            self.abort.cancel();
            self.running.wait().await;
        }
    }

    /// For tests: runs all due jobs one after the other, including those that become due meanwhile, and returns how many ran.
    ///
    /// # Errors
    /// [`Error::Internal`] when the queue cannot be read or written.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let mut done = 0;
        loop {
            let mut claimed = Vec::new();
            for lane in &self.lanes {
                claimed.extend(self.claim(lane.kind, 1).await?);
            }
            if claimed.is_empty() {
                return Ok(done);
            }
            for row in claimed {
                Box::pin(run_one(&self.services, self.token, row, &self.abort)).await;
                done += 1;
            }
        }
    }

    fn jittered(&self, wait: Duration) -> Duration {
        let mut byte = [0];
        self.services.ports().entropy.fill(&mut byte);
        wait + Duration::from_millis(u64::from(byte[0]) % 50 * u64::from(wait >= POLL))
    }

    /// Claims and starts due jobs, and returns when the next one is due.
    async fn start_due(&self) -> Result<Option<Timestamp>, Error> {
        let now = self.services.now();
        let next = {
            let mut tx = self.services.store().read().await?;
            tx.next_jobs(now).await?
        };
        for lane in &self.lanes {
            let is_due = next.iter().any(|(kind, at)| kind == lane.kind && *at <= now);
            let free = lane.permits.available_permits().min(CLAIM_MAX);
            if !is_due || free == 0 {
                continue;
            }
            for row in self.claim(lane.kind, free).await? {
                let Ok(permit) = Arc::clone(&lane.permits).acquire_owned().await else { continue };
                let (services, token, abort) = (self.services.clone(), self.token, self.abort.clone());
                self.running.spawn(async move {
                    run_one(&services, token, row, &abort).await;
                    drop(permit);
                    services.hub().wake();
                });
            }
        }
        Ok(next.into_iter().map(|(_, at)| at).filter(|at| *at > now).min())
    }

    async fn claim(&self, kind: &str, limit: usize) -> Result<Vec<JobRow>, Error> {
        let now = self.services.now();
        let mut tx = self.services.store().begin().await?;
        let limit = i64::try_from(limit).map_err(Error::internal)?;
        let until = now.plus(LEASE);
        let rows = match Job::per_account(kind) {
            None => tx.claim_jobs(kind, self.token, now, until, limit).await?,
            Some(most) => tx.claim_jobs_in_shares(kind, self.token, now, until, limit, most).await?,
        };
        tx.commit().await?;
        Ok(rows)
    }
}

/// Runs a claimed job under its lease and stores the outcome.
async fn run_one(services: &Services, token: Uuid, row: JobRow, abort: &CancellationToken) {
    let span = tracing::info_span!("job", job_id = %row.id, kind = row.kind, attempt = row.attempts);
    if let Some(traceparent) = &row.traceparent {
        crate::trace::go_on(&span, traceparent);
    }
    async {
        let job = match serde_json::from_value::<Job>(row.payload.0.clone()) {
            Ok(job) => job,
            Err(error) => {
                return settle(services, token, &row, None, Err(JobError::Fail(error.to_string()))).await;
            }
        };
        // A panic fails the job and not the runner. A job that loses its lease or is aborted is dropped at its next await.
        let ended = tokio::select! {
            // Boxed, because the future of the largest kind would enlarge every stack frame on the way.
            ended = AssertUnwindSafe(Box::pin(job.run(services))).catch_unwind() => Some(ended),
            () = keep_lease(services, row.id, token) => None,
            () = abort.cancelled() => None,
        };
        match ended {
            Some(Ok(result)) => settle(services, token, &row, Some(&job), result).await,
            Some(Err(panic)) => {
                let result = Err(JobError::Retry(words_of(&*panic).into()));
                settle(services, token, &row, Some(&job), result).await;
            }
            None => {
                tracing::info!("job released");
                let handed_back = async {
                    let mut tx = services.store().begin().await?;
                    tx.hand_back_job(row.id, token).await?;
                    tx.commit().await
                };
                log_failure(handed_back.await);
            }
        }
    }
    .instrument(span)
    .await;
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref().map(String::as_str));
    format!("panicked: {}", words.unwrap_or("without a message"))
}

/// Returns once the lease is lost and another process may have the job.
async fn keep_lease(services: &Services, id: JobId, token: Uuid) {
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        beat.tick().await;
        let kept = async {
            let mut tx = services.store().begin().await?;
            let kept = tx.extend_lease(id, token, services.now().plus(LEASE)).await?;
            tx.commit().await?;
            Ok::<_, reef_store::StoreError>(kept)
        };
        match kept.await {
            Ok(true) => {}
            Ok(false) => return,
            // The database may be back before the lease expires.
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "lease renewal failed");
            }
        }
    }
}

async fn settle(
    services: &Services,
    token: Uuid,
    row: &JobRow,
    job: Option<&Job>,
    result: Result<(), JobError>,
) {
    let now = services.now();
    let outcome = match &result {
        Ok(()) => "succeeded",
        Err(JobError::RetryAt(..)) => "rescheduled",
        Err(JobError::Retry(_)) => "failed",
        Err(JobError::Fail(_)) => "dead",
    };
    let kind = job.map_or("unreadable", Job::kind);
    metrics::counter!("reef_job_runs_total", "kind" => kind, "outcome" => outcome).increment(1);
    let settled = async {
        let mut tx = services.store().begin().await?;
        match result {
            Ok(()) => tx.finish_job(row.id, token).await?,
            Err(JobError::RetryAt(at, why)) => tx.retry_job(row.id, token, at, Some(&why)).await?,
            Err(JobError::Fail(why)) => {
                tracing::error!(why, "job marked dead");
                tx.bury_job(row.id, token, &why, now).await?;
            }
            Err(JobError::Retry(error)) => {
                let why = error.to_string();
                match job {
                    Some(job) if job.tries_max().is_none_or(|max| row.attempts < max) => {
                        tracing::warn!(error = %Chain(&*error), "job failed, retrying");
                        tx.retry_job(row.id, token, now.plus(job.back_off(row.attempts)), Some(&why)).await?;
                    }
                    _ => {
                        tracing::error!(error = %Chain(&*error), "job marked dead");
                        tx.bury_job(row.id, token, &why, now).await?;
                    }
                }
            }
        }
        tx.commit().await
    };
    log_failure(settled.await);
}

/// A job whose outcome is not stored runs again when its lease expires.
fn log_failure(result: Result<(), reef_store::StoreError>) {
    if let Err(error) = result {
        tracing::error!(error = %Chain(&error), "storing the outcome of a job failed");
    }
}
