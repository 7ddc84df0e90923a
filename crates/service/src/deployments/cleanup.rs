//! The job that removes the worker of a run that has ended without waiting for the removal.

use reef_domain::state::Run;
use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::services::Services;
use reef_ports::WorkerRef;

/// Remove the worker of an assistant that was stopped without waiting for the removal, and those of its older runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RemoveWorker(pub WorkerRef);

impl Job<Services> for RemoveWorker {
    const KIND: &'static str = "remove_worker";
    const CONCURRENCY: usize = 8;
    const RETRY: RetryPolicy = RetryPolicy::unlimited(Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        format!("{}:{}", self.0.worker_name, self.0.generation)
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.remove_stopped_worker(&self.0).await
    }
}

impl Services {
    /// Removes the worker of a stopped run. Its bot is left alone while a newer run may be using it.
    pub(super) async fn remove_stopped_worker(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let id = worker.assistant_id;
        let (assistant, secrets, replaced) = {
            let mut tx = self.store().read().await?;
            (
                tx.find_assistant(id).await?,
                tx.get_secrets(id).await?,
                tx.find_replaced_configuration(id).await?,
            )
        };
        if assistant.is_none_or(|a| a.state.is_running()) {
            return self.tear_down_stale(worker, &[]).await;
        }
        let bots = self.bots_to_disconnect(id, &secrets).await?;
        self.tear_down_stale(worker, &bots).await?;
        Ok(self.delete_replaced(id, replaced.as_ref()).await?)
    }

    /// Removes what an older run has left. If a newer run has started meanwhile, Telegram may delete the webhook after the
    /// new run has set it, so the bot is checked.
    pub(super) async fn tear_down_stale(
        &self,
        worker: &WorkerRef,
        bots: &[SecretString],
    ) -> Result<(), JobError> {
        let torn_down = self.tear_down(worker, bots).await;
        let now = {
            let mut tx = self.store().read().await?;
            tx.find_assistant(worker.assistant_id).await?
        };
        let is_newer = |run: &Run| run.generation > worker.generation;
        if now.is_some_and(|a| a.state.is_running() && a.state.run().is_some_and(is_newer)) {
            self.request_bot_check(worker.assistant_id).await?;
        }
        torn_down.map_err(|error| JobError::Retry(error.into()))
    }
}
