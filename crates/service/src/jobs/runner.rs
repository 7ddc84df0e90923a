//! The job runner: claims jobs under a lease, runs a few of each kind at once, and is woken by a signal or by the clock.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use reef_domain::ids::JobId;
use reef_domain::{ErrorChain, Timestamp};
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
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// The longest wait between two polls, which find the jobs that other processes have enqueued.
const POLL: Duration = Duration::from_secs(1);
/// How long running jobs may continue after a shutdown was requested; then they are released.
const GRACE: Duration = Duration::from_secs(10);
/// The most jobs of a kind that are claimed at once.
const CLAIM_MAX: usize = 16;

struct Queue {
    kind: &'static str,
    permits: Arc<Semaphore>,
}

/// Runs the jobs of one process.
pub struct Runner {
    services: Services,
    /// The holder of the leases.
    token: Uuid,
    queues: Vec<Queue>,
    running: TaskTracker,
    abort: CancellationToken,
}

impl Runner {
    /// Creates a runner with a lease token of its own.
    #[must_use]
    pub fn new(services: Services) -> Self {
        let token = services.new_uuid();
        let lanes = Job::CONCURRENCY
            .map(|(kind, at_once)| Queue { kind, permits: Arc::new(Semaphore::new(at_once)) });
        Self {
            services,
            token,
            queues: lanes.into(),
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
                    tracing::error!(error = %ErrorChain(&error), "claiming jobs failed");
                    POLL
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.services.event_bus().wait_for_jobs() => {}
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
            for lane in &self.queues {
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
            tx.list_next_job_times(now).await?
        };
        for lane in &self.queues {
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
                    services.event_bus().wake_job_runner();
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
        let rows = match Job::account_limit(kind) {
            None => tx.claim_jobs(kind, self.token, now, until, limit).await?,
            Some(most) => tx.claim_jobs_fairly(kind, self.token, now, until, limit, most).await?,
        };
        tx.commit().await?;
        Ok(rows)
    }
}

/// Runs a claimed job under its lease and stores the outcome.
async fn run_one(services: &Services, token: Uuid, row: JobRow, abort: &CancellationToken) {
    let span = tracing::info_span!("job", job_id = %row.id, kind = row.kind, attempt = row.attempts);
    if let Some(traceparent) = &row.traceparent {
        crate::trace::continue_trace(&span, traceparent);
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
            () = renew_lease_until_lost(services, row.id, token) => None,
            () = abort.cancelled() => None,
        };
        match ended {
            Some(Ok(result)) => settle(services, token, &row, Some(&job), result).await,
            Some(Err(panic)) => {
                let result = Err(JobError::Retry(panic_message(&*panic).into()));
                settle(services, token, &row, Some(&job), result).await;
            }
            None => {
                tracing::info!("job released");
                let released = async {
                    let mut tx = services.store().begin().await?;
                    tx.release_job(row.id, token).await?;
                    tx.commit().await
                };
                log_settle_failure(released.await);
            }
        }
    }
    .instrument(span)
    .await;
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref().map(String::as_str));
    format!("panicked: {}", message.unwrap_or("without a message"))
}

/// Returns once the lease is lost and another process may have the job.
async fn renew_lease_until_lost(services: &Services, id: JobId, token: Uuid) {
    let mut beat = interval(RENEW_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.tick().await;
    loop {
        beat.tick().await;
        let renewed = async {
            let mut tx = services.store().begin().await?;
            let is_renewed = tx.renew_job_lease(id, token, services.now().plus(LEASE)).await?;
            tx.commit().await?;
            Ok::<_, reef_store::StoreError>(is_renewed)
        };
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return,
            // The database may be back before the lease expires.
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "lease renewal failed");
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
                tx.mark_job_dead(row.id, token, &why, now).await?;
            }
            Err(JobError::Retry(error)) => {
                let why = error.to_string();
                match job {
                    Some(job) if job.max_attempts().is_none_or(|max| row.attempts < max) => {
                        tracing::warn!(error = %ErrorChain(&*error), "job failed, retrying");
                        tx.retry_job(row.id, token, now.plus(job.backoff(row.attempts)), Some(&why)).await?;
                    }
                    _ => {
                        tracing::error!(error = %ErrorChain(&*error), "job marked dead");
                        tx.mark_job_dead(row.id, token, &why, now).await?;
                    }
                }
            }
        }
        tx.commit().await
    };
    log_settle_failure(settled.await);
}

/// A job whose outcome is not stored runs again when its lease expires.
fn log_settle_failure(result: Result<(), reef_store::StoreError>) {
    if let Err(error) = result {
        tracing::error!(error = %ErrorChain(&error), "storing the outcome of a job failed");
    }
}
