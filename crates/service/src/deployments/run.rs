//! A deployment run: a series of steps until the worker answers or the run has failed.
//!
//! After a crash the job runs again from the start, so every step is idempotent. A run that was superseded removes whatever
//! it has created.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::state::{Event, State};
use reef_domain::{Assistant, FailureCode, Timestamp};
use reef_store::Secrets;
use secrecy::SecretString;
use tokio::time::timeout;

use crate::billing::credit::ReconcileManagedKey;
use crate::deployments::cleanup::RemoveWorker;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use reef_ports::WorkerRef;

/// Carry out the deployment run of a worker. A run that is older than the current one only cleans up after itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Deploy(pub WorkerRef);

impl Deploy {
    /// The prefix of the dedup keys of an assistant's runs.
    pub(super) fn key_prefix(id: AssistantId) -> String {
        format!("{}:{id}:", Self::KIND)
    }
}

impl Job<Services> for Deploy {
    const KIND: &'static str = "deploy";
    const CONCURRENCY: usize = 32;
    // A run ends by its deadline. After 15 attempts it is past that, and only its cleanup is left.
    const RETRY: RetryPolicy =
        RetryPolicy::unlimited(Backoff::new(Duration::from_millis(500), Duration::from_secs(30)))
            .slow_after(15, Duration::from_secs(3600));

    fn dedup_id(&self) -> String {
        format!("{}:{}", self.0.assistant_id, self.0.generation)
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.run_deployment(&self.0).await
    }
}

/// Why a run ends early.
pub(super) enum RunError {
    /// A step has failed permanently.
    Failed(FailureCode),
    /// A newer run, a stop or a deletion has superseded it.
    Superseded,
    /// An internal error, after which the job is retried.
    Internal(Error),
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        Self::Internal(error)
    }
}

impl From<reef_store::StoreError> for RunError {
    fn from(error: reef_store::StoreError) -> Self {
        Self::Internal(error.into())
    }
}

/// A run in progress.
pub(super) struct Deployment<'a> {
    pub services: &'a Services,
    pub assistant: Assistant,
    pub worker: WorkerRef,
    pub secrets: Secrets,
    pub bot_token: SecretString,
}

impl Services {
    /// Carries a run out to its end. `Ok` when nothing is left to do for it.
    async fn run_deployment(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let (id, generation) = (worker.assistant_id, worker.generation);
        let Some((assistant, deadline)) = self.current_run(id, generation).await? else {
            return self.clean_up_stale(worker).await;
        };
        let remaining = deadline.since(self.now());
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.get_secrets(id).await?
        };
        let Some(bot_token) = self.open_bot_token(id, &secrets)? else {
            return Err(JobError::Fail("the assistant has no bot token".to_owned()));
        };
        let deployment = Deployment { services: self, worker: worker.clone(), assistant, secrets, bot_token };
        let timed_out = || Err(RunError::Failed(FailureCode::DeployTimeout));
        let ended = if remaining.is_zero() {
            // `timeout` polls once even with a zero duration.
            timed_out()
        } else {
            timeout(remaining, Box::pin(deployment.steps())).await.unwrap_or_else(|_| timed_out())
        };
        match ended {
            Ok(worker_url) => {
                if !self.end_run(id, Event::WorkerReady { generation, worker_url }).await? {
                    deployment.clean_up().await?;
                }
                Ok(())
            }
            Err(RunError::Failed(failure)) => {
                tracing::warn!(assistant_id = %id, generation, failure = failure.as_str(), "deployment failed");
                let cleaned = deployment.clean_up().await;
                self.end_run(id, Event::DeployFailed { generation, failure }).await?;
                // The status changes at once, and this job retries what could not be removed.
                cleaned
            }
            Err(RunError::Superseded) => deployment.clean_up().await,
            Err(RunError::Internal(error)) => Err(error.into()),
        }
    }

    /// The assistant and the deadline, while exactly this run is in progress.
    pub(super) async fn current_run(
        &self,
        id: AssistantId,
        generation: i64,
    ) -> Result<Option<(Assistant, Timestamp)>, Error> {
        let mut tx = self.store().read().await?;
        let Some(assistant) = tx.find_assistant(id).await? else { return Ok(None) };
        Ok(match assistant.state.clone() {
            State::Deploying { run, deadline } if run.generation == generation => Some((assistant, deadline)),
            _ => None,
        })
    }

    /// Commits the end of a run. Returns `false` when it was superseded.
    pub(super) async fn end_run(&self, id: AssistantId, event: Event) -> Result<bool, Error> {
        let mut work = self.unit_of_work().await?;
        let Some(ended) = work.end_run(id, event).await? else { return Ok(false) };
        work.commit(None).await?;
        ended.record_metrics();
        Ok(true)
    }

    /// Commits that a run without a job has failed, and enqueues the removal of its worker. Returns `false` when it was
    /// superseded.
    pub(super) async fn fail_run(&self, worker: &WorkerRef, event: Event) -> Result<bool, Error> {
        let mut work = self.unit_of_work().await?;
        let Some(ended) = work.end_run(worker.assistant_id, event).await? else { return Ok(false) };
        work.enqueue(RemoveWorker(worker.clone())).await?;
        work.commit(None).await?;
        ended.record_metrics();
        Ok(true)
    }

    /// Removes the worker of a run that was superseded before its job started, as after a crash.
    async fn clean_up_stale(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let (assistant, secrets) = {
            let mut tx = self.store().read().await?;
            (tx.find_assistant(worker.assistant_id).await?, tx.get_secrets(worker.assistant_id).await?)
        };
        if assistant.is_none() {
            self.enqueue_key_sweep(worker.assistant_id).await?;
        }
        // The bot token of a deleted assistant is destroyed, but the job knows its worker.
        let state = assistant.map(|a| a.state);
        let is_active_worker = matches!(
            &state,
            Some(State::Active { run, .. }) if run.generation == worker.generation
        );
        if is_active_worker {
            return Ok(());
        }
        let token = if state.is_some_and(|state| state.is_running()) {
            None
        } else {
            self.bot_to_disconnect(worker.assistant_id, &secrets).await?
        };
        self.tear_down_stale(worker, token.as_slice()).await
    }
}

impl UnitOfWork<'_> {
    /// Returns `None` when the run was superseded.
    async fn end_run(&mut self, id: AssistantId, event: Event) -> Result<Option<RunEnd>, Error> {
        let Some(before) = self.tx.lock_assistant(id).await? else { return Ok(None) };
        let mut after = before.clone();
        let outcome = outcome_of(&event);
        let failed = matches!(event, Event::DeployFailed { .. });
        if after.apply(event).is_err() {
            return Ok(None);
        }
        let duration = match &before.state {
            State::Deploying { deadline, .. } => {
                Some(self.services.config().deploy_timeout.saturating_sub(deadline.since(self.now)))
            }
            _ => None,
        };
        if let Some(run) = before.state.run() {
            self.tx.finish_deployment_step(id, run.generation, failed, self.now).await?;
        }
        if failed && self.undo_change(&before, &after).await? {
            return Ok(Some(RunEnd { outcome, duration }));
        }
        let after = self.save(&before, after).await?;
        if after.state.is_running() {
            // The new values work, so the replaced ones are no longer needed.
            self.tx.delete_replaced_configuration(id).await?;
        } else {
            self.discard_fallback(&after).await?;
        }
        Ok(Some(RunEnd { outcome, duration }))
    }
}

impl Services {
    /// A run of a deleted assistant may have created a managed key that was never stored.
    async fn enqueue_key_sweep(&self, assistant_id: AssistantId) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        work.enqueue(ReconcileManagedKey { assistant_id }).await?;
        work.commit(None).await
    }
}

/// Whether exactly this run is in progress.
pub(super) fn is_run_of(a: &Assistant, generation: i64) -> bool {
    matches!(&a.state, State::Deploying { run, .. } if run.generation == generation)
}

/// The value of the metrics label `outcome`.
const fn outcome_of(event: &Event) -> &'static str {
    match event {
        Event::DeployFailed { failure, .. } => failure.as_str(),
        Event::WorkerVanished { .. } => "vanished",
        _ => "active",
    }
}

/// The end of a run, counted in the metrics once it is committed.
struct RunEnd {
    outcome: &'static str,
    /// The duration of the deployment; `None` when an active worker vanished.
    duration: Option<Duration>,
}

impl RunEnd {
    fn record_metrics(&self) {
        let Self { outcome, duration: took } = *self;
        match took {
            Some(took) => {
                metrics::histogram!("reef_deployment_duration_seconds", "outcome" => outcome)
                    .record(took.as_secs_f64());
            }
            None => metrics::counter!("reef_workers_missing_total").increment(1),
        }
    }
}

impl Deployment<'_> {
    /// Removes whatever this run may have created. The bot is disconnected only if no newer run uses it.
    async fn clean_up(&self) -> Result<(), JobError> {
        let now = {
            let mut tx = self.services.store().read().await?;
            tx.find_assistant(self.assistant.id).await?
        };
        if now.is_none() {
            self.services.enqueue_key_sweep(self.assistant.id).await?;
        }
        // Another process has completed this very run, so the worker is the active one.
        let is_active_worker = matches!(
            now.as_ref().map(|a| &a.state),
            Some(State::Active { run, .. }) if run.generation == self.worker.generation
        );
        if is_active_worker {
            return Ok(());
        }
        let is_superseded = now.is_some_and(|a| {
            a.state.is_running() && a.state.run().is_some_and(|run| run.generation > self.worker.generation)
        });
        let token = if is_superseded {
            None
        } else {
            self.services.bot_to_disconnect(self.assistant.id, &self.secrets).await?
        };
        self.services.tear_down_stale(&self.worker, token.as_slice()).await
    }
}
