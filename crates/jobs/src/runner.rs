//! The job runner: claims jobs under a lease, runs a few of each kind at once, and is woken by a signal or by the clock.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use reef_domain::ids::JobId;
use reef_domain::{ErrorChain, Timestamp};
use reef_store::{JobRow, StoreError};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::backoff::with_jitter;
use crate::job::{JobContext, JobError};
use crate::registry::{Kind, Registry};
use crate::supervise::panic_message;

/// How long a claimed job stays claimed after its process has died.
const LEASE: Duration = Duration::from_secs(10);
/// How often a lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// The longest wait between two polls, which find the jobs that other processes have enqueued.
const POLL: Duration = Duration::from_secs(1);
/// How much jitter may lengthen a wait for the next poll, so that processes do not poll at the same moments.
const POLL_JITTER_PERCENT: u32 = 5;
/// How long running jobs may continue after a shutdown was requested; then they are released.
const GRACE: Duration = Duration::from_secs(10);
/// The most jobs of a kind that are claimed at once.
const CLAIM_MAX: i64 = 16;

struct Queue<C> {
    kind: Arc<Kind<C>>,
    permits: Arc<Semaphore>,
}

/// What runs a job: the application, and the token that leases are held with.
#[derive(Clone)]
struct Holder<C> {
    context: C,
    token: Uuid,
    abort: CancellationToken,
}

/// Runs the jobs of one process.
pub struct Runner<C> {
    holder: Holder<C>,
    queues: Vec<Queue<C>>,
    running: TaskTracker,
}

impl<C: JobContext> Runner<C> {
    /// Creates a runner of the registered kinds, with a lease token of its own.
    #[must_use]
    pub fn new(context: C, registry: Registry<C>) -> Self {
        let queue = |kind: Kind<C>| Queue {
            permits: Arc::new(Semaphore::new(kind.concurrency)),
            kind: Arc::new(kind),
        };
        Self {
            queues: registry.into_kinds().into_iter().map(queue).collect(),
            running: TaskTracker::new(),
            holder: Holder { token: context.new_uuid(), context, abort: CancellationToken::new() },
        }
    }

    /// Runs jobs until `stop`, then gives running jobs 10 s to end and releases the rest.
    pub async fn run(&self, stop: CancellationToken) {
        let context = &self.holder.context;
        while !stop.is_cancelled() {
            let wait = match self.start_due().await {
                Ok(next) => next.map_or(POLL, |next| next.since(context.now()).min(POLL)),
                Err(error) => {
                    tracing::error!(error = %ErrorChain(&error), "claiming jobs failed");
                    POLL
                }
            };
            let wait =
                if wait < POLL { wait } else { with_jitter(wait, POLL_JITTER_PERCENT, context.entropy()) };
            tokio::select! {
                () = stop.cancelled() => {}
                () = context.wait_for_jobs() => {}
                () = sleep(wait) => {}
            }
        }
        self.running.close();
        if timeout(GRACE, self.running.wait()).await.is_err() {
            self.holder.abort.cancel();
            self.running.wait().await;
        }
    }

    /// For tests: runs all due jobs one after the other, including those that become due meanwhile, and returns how many ran.
    ///
    /// # Errors
    /// [`StoreError`] when the queue cannot be read or written.
    pub async fn run_due(&self) -> Result<usize, StoreError> {
        let mut done = 0;
        loop {
            let mut claimed = Vec::new();
            for queue in &self.queues {
                let rows = self.claim(&queue.kind, 1).await?;
                claimed.extend(rows.into_iter().map(|row| (&queue.kind, row)));
            }
            if claimed.is_empty() {
                return Ok(done);
            }
            for (kind, row) in claimed {
                Box::pin(self.holder.run_one(kind, row)).await;
                done += 1;
            }
        }
    }

    /// Claims and starts due jobs, and returns when the next one is due.
    async fn start_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.holder.context.now();
        let next = {
            let mut tx = self.holder.context.store().read().await?;
            tx.list_next_job_times(now).await?
        };
        for queue in &self.queues {
            let is_due = next.iter().any(|(kind, at)| kind == queue.kind.name && *at <= now);
            let free = i64::try_from(queue.permits.available_permits()).unwrap_or(CLAIM_MAX).min(CLAIM_MAX);
            if !is_due || free == 0 {
                continue;
            }
            for row in self.claim(&queue.kind, free).await? {
                let Ok(permit) = Arc::clone(&queue.permits).acquire_owned().await else { continue };
                let (holder, kind) = (self.holder.clone(), Arc::clone(&queue.kind));
                self.running.spawn(async move {
                    holder.run_one(&kind, row).await;
                    drop(permit);
                    holder.context.wake_job_runner();
                });
            }
        }
        Ok(next.into_iter().map(|(_, at)| at).filter(|at| *at > now).min())
    }

    async fn claim(&self, kind: &Kind<C>, limit: i64) -> Result<Vec<JobRow>, StoreError> {
        let Holder { context, token, .. } = &self.holder;
        let now = context.now();
        let until = now.plus(LEASE);
        let mut tx = context.store().begin().await?;
        let rows = match kind.account_limit {
            None => tx.claim_jobs(kind.name, *token, now, until, limit).await?,
            Some(most) => tx.claim_jobs_fairly(kind.name, *token, now, until, limit, most).await?,
        };
        tx.commit().await?;
        Ok(rows)
    }
}

impl<C: JobContext> Holder<C> {
    /// Runs a claimed job under its lease and stores the outcome.
    async fn run_one(&self, kind: &Kind<C>, row: JobRow) {
        let span = tracing::info_span!("job", job_id = %row.id, kind = row.kind, attempt = row.attempts);
        if let Some(traceparent) = &row.traceparent {
            crate::trace::continue_trace(&span, traceparent);
        }
        async {
            let job = match (kind.start)(&self.context, &row.payload.0) {
                Ok(job) => job,
                Err(error) => {
                    count_run("unreadable", "dead");
                    return self.settle(kind, &row, Err(JobError::Fail(error.to_string()))).await;
                }
            };
            // A panic fails the job and not the runner. A job that loses its lease or is aborted is dropped at its next
            // await.
            let ended = tokio::select! {
                ended = AssertUnwindSafe(job).catch_unwind() => Some(ended),
                () = self.renew_lease_until_lost(row.id) => None,
                () = self.abort.cancelled() => None,
            };
            let Some(ended) = ended else {
                tracing::info!("job released");
                return log_settle_failure(self.release(row.id).await);
            };
            let result = ended.unwrap_or_else(|panic| {
                Err(JobError::Retry(format!("panicked: {}", panic_message(&*panic)).into()))
            });
            let outcome = match &result {
                Ok(()) => "succeeded",
                Err(JobError::RetryAt(..)) => "rescheduled",
                Err(JobError::Retry(_)) => "failed",
                Err(JobError::Fail(_)) => "dead",
            };
            count_run(kind.name, outcome);
            self.settle(kind, &row, result).await;
        }
        .instrument(span)
        .await;
    }

    async fn release(&self, id: JobId) -> Result<(), StoreError> {
        let mut tx = self.context.store().begin().await?;
        tx.release_job(id, self.token).await?;
        tx.commit().await
    }

    /// Returns once the lease is lost and another process may have the job.
    async fn renew_lease_until_lost(&self, id: JobId) {
        let mut beat = interval(RENEW_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.tick().await;
        loop {
            beat.tick().await;
            match self.renew_lease(id).await {
                Ok(true) => {}
                Ok(false) => return,
                // The database may be back before the lease expires.
                Err(error) => tracing::warn!(error = %ErrorChain(&error), "lease renewal failed"),
            }
        }
    }

    async fn renew_lease(&self, id: JobId) -> Result<bool, StoreError> {
        let mut tx = self.context.store().begin().await?;
        let is_renewed = tx.renew_job_lease(id, self.token, self.context.now().plus(LEASE)).await?;
        tx.commit_without_sync().await?;
        Ok(is_renewed)
    }

    /// Stores the outcome of a run. A job whose outcome is not stored runs again when its lease expires.
    async fn settle(&self, kind: &Kind<C>, row: &JobRow, result: Result<(), JobError>) {
        let now = self.context.now();
        let settled = async {
            let mut tx = self.context.store().begin().await?;
            match result {
                Ok(()) => tx.finish_job(row.id, self.token).await?,
                Err(JobError::RetryAt(at, why)) => tx.retry_job(row.id, self.token, at, Some(&why)).await?,
                Err(JobError::Fail(why)) => {
                    tracing::error!(why, "job marked dead");
                    tx.mark_job_dead(row.id, self.token, &why, now).await?;
                }
                Err(JobError::Retry(error)) if kind.retry.is_exhausted(row.attempts) => {
                    tracing::error!(error = %ErrorChain(&*error), "job marked dead");
                    tx.mark_job_dead(row.id, self.token, &error.to_string(), now).await?;
                }
                Err(JobError::Retry(error)) => {
                    tracing::warn!(error = %ErrorChain(&*error), "job failed, retrying");
                    let at = now.plus(kind.retry.wait_after(row.attempts));
                    tx.retry_job(row.id, self.token, at, Some(&error.to_string())).await?;
                }
            }
            tx.commit().await
        };
        log_settle_failure(settled.await);
    }
}

fn count_run(kind: &'static str, outcome: &'static str) {
    metrics::counter!("reef_job_runs_total", "kind" => kind, "outcome" => outcome).increment(1);
}

fn log_settle_failure(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::error!(error = %ErrorChain(&error), "storing the outcome of a job failed");
    }
}
