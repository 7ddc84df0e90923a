//! Reconciling a bot's webhook with its assistant's status, after a removal that may have been interrupted.
//!
//! Stopping and deleting remove the webhook before they commit. If the process dies in between, or Telegram does not answer,
//! the assistant would be `active` without receiving anything. So each enqueues this job first and cancels it when it commits.
//! The job reads the status, makes Telegram agree with it, and reads again: a concurrent change has a job of its own, or has
//! committed and is seen.

use reef_jobs::{Backoff, Job, JobError, RetryPolicy};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, JobId};
use reef_domain::state::{Event, State};
use reef_store::Secrets;
use secrecy::ExposeSecret as _;
use tokio::time::{sleep, timeout};

use crate::deployments::run::Deploy;
use crate::deployments::worker::{CHECK_AFTER, REMOVAL_TIMEOUT, worker_ref};
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use reef_ports::TelegramError;

/// How long a check waits for a deployment in progress, which sets the webhook itself.
const DEPLOYING_WAIT: Duration = Duration::from_secs(5);

/// How often a deletion checks whether other jobs still use the bot.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Reconcile a bot's webhook with its assistant's status after an interrupted removal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckBot {
    pub assistant_id: AssistantId,
    /// Distinguishes the removals of an assistant, each of which has a check of its own.
    pub reason: Uuid,
}

impl CheckBot {
    /// The prefix of the dedup keys of an assistant's checks.
    fn key_prefix(id: AssistantId) -> String {
        format!("{}:{id}:", Self::KIND)
    }
}

impl Job<Services> for CheckBot {
    const KIND: &'static str = "check_bot";
    const CONCURRENCY: usize = 8;
    const RETRY: RetryPolicy = RetryPolicy::at_most(20, Backoff::STANDARD);

    fn dedup_id(&self) -> String {
        format!("{}:{}", self.assistant_id, self.reason)
    }

    async fn run(&self, services: &Services) -> Result<(), JobError> {
        services.reconcile_bot(self.assistant_id).await
    }
}

impl UnitOfWork<'_> {
    /// Enqueues a check for [`CHECK_AFTER`] from now, which `cancel_bot_checks` cancels if the removal succeeds.
    pub async fn schedule_bot_check(&mut self, id: AssistantId) -> Result<JobId, Error> {
        let at = self.now.plus(CHECK_AFTER);
        self.insert_bot_check(id, at).await
    }

    /// Enqueues a check that is due now.
    pub async fn enqueue_bot_check(&mut self, id: AssistantId) -> Result<JobId, Error> {
        let at = self.now;
        self.insert_bot_check(id, at).await
    }

    /// Cancels checks once the removal they guard has succeeded.
    pub async fn cancel_bot_checks(&mut self, checks: &[JobId]) -> Result<(), Error> {
        for check in checks {
            self.tx.cancel_job(*check).await?;
        }
        Ok(())
    }
}

impl Services {
    /// Enqueues a check that is due now, in a transaction of its own.
    pub(super) async fn request_bot_check(&self, id: AssistantId) -> Result<(), Error> {
        let mut work = self.unit_of_work().await?;
        work.enqueue_bot_check(id).await?;
        work.commit(None).await
    }

    /// Makes the bot's webhook agree with the assistant's status.
    async fn reconcile_bot(&self, id: AssistantId) -> Result<(), JobError> {
        let Some((assistant, secrets)) = self.find_bot_owner(id).await? else { return Ok(()) };
        if self.has_pending_removal(id).await? {
            return Err(JobError::RetryAt(
                self.now().plus(CHECK_AFTER),
                "a removal is in progress".to_owned(),
            ));
        }
        match &assistant.state {
            State::PendingPayment | State::Purchased => return Ok(()),
            State::Deploying { .. } => {
                let why = "a deployment is in progress".to_owned();
                return Err(JobError::RetryAt(self.now().plus(DEPLOYING_WAIT), why));
            }
            State::Active { .. } => self.restore_webhook(&assistant, &secrets).await?,
            State::Failed { run, .. } | State::Stopped { run, .. } => {
                self.remove_stopped_worker(&worker_ref(&assistant, run)).await?;
            }
        }
        let now = self.find_bot_owner(id).await?.map(|(assistant, _)| assistant.state);
        if now.is_none_or(|state| state == assistant.state) && !self.has_pending_removal(id).await? {
            return Ok(());
        }
        // A concurrent change has called Telegram too, and the order of the calls is unknown.
        Err(JobError::RetryAt(
            self.now().plus(CHECK_AFTER),
            "the assistant changed during the check".to_owned(),
        ))
    }

    /// Whether a removal may be in progress: a check that is not due yet belongs to one.
    async fn has_pending_removal(&self, id: AssistantId) -> Result<bool, Error> {
        let mut tx = self.store().read().await?;
        Ok(tx.count_scheduled_jobs(&CheckBot::key_prefix(id), self.now()).await? > 0)
    }

    /// Waits until no job in any process uses an assistant's bot. Returns `false` if one still does after 12 s.
    pub(crate) async fn wait_for_bot_jobs(&self, id: AssistantId) -> Result<bool, Error> {
        let all_done = timeout(REMOVAL_TIMEOUT, async {
            loop {
                let now = self.now();
                let mut tx = self.store().read().await?;
                let running = tx.count_running_jobs(&CheckBot::key_prefix(id), now).await?
                    + tx.count_running_jobs(&Deploy::key_prefix(id), now).await?;
                if running == 0 {
                    return Ok::<_, Error>(());
                }
                drop(tx);
                sleep(POLL_EVERY).await;
            }
        });
        all_done.await.map_or(Ok(false), |result| result.map(|()| true))
    }

    async fn find_bot_owner(&self, id: AssistantId) -> Result<Option<(Assistant, Secrets)>, Error> {
        let mut tx = self.store().read().await?;
        let Some(assistant) = tx.find_assistant(id).await? else { return Ok(None) };
        let secrets = tx.get_secrets(id).await?;
        Ok(Some((assistant, secrets)))
    }

    /// Sets the webhook of an active assistant again, or fails the assistant if its worker has vanished.
    async fn restore_webhook(&self, assistant: &Assistant, secrets: &Secrets) -> Result<(), JobError> {
        let Some(run) = assistant.state.run() else { return Ok(()) };
        let worker = worker_ref(assistant, run);
        let missing = self.ports().workers.missing(std::slice::from_ref(&worker)).await;
        if !missing.map_err(|error| JobError::Retry(error.into()))?.is_empty() {
            let vanished = Event::WorkerVanished { generation: worker.generation };
            if self.fail_run(&worker, vanished).await? {
                tracing::warn!(assistant_id = %assistant.id, "worker vanished");
            }
            return Ok(());
        }
        let token = self.open_bot_token(assistant.id, secrets)?;
        let (Some(url), Some(token)) = (self.ports().workers.webhook_url(&worker), token) else {
            return Ok(());
        };
        let secret = self.webhook_secret(assistant.id, secrets);
        match self.ports().telegram.set_webhook(&token, &url, secret.expose_secret()).await {
            Ok(()) => tracing::info!(assistant_id = %assistant.id, "webhook restored"),
            // The owner has revoked the token or uses the bot elsewhere, which the check must not undo.
            Err(error @ (TelegramError::TokenRejected | TelegramError::Conflict)) => {
                tracing::warn!(assistant_id = %assistant.id, error = %error, "webhook not restored");
            }
            Err(TelegramError::RateLimited { seconds }) => {
                let at = self.now().plus(Duration::from_secs(seconds.clamp(1, 3600)));
                return Err(JobError::RetryAt(at, "rate limited by telegram".to_owned()));
            }
            Err(error @ TelegramError::Unavailable(_)) => return Err(JobError::Retry(error.into())),
        }
        Ok(())
    }
}

impl UnitOfWork<'_> {
    async fn insert_bot_check(
        &mut self,
        id: AssistantId,
        at: reef_domain::Timestamp,
    ) -> Result<JobId, Error> {
        let reason = self.new_uuid();
        self.enqueue_at(CheckBot { assistant_id: id, reason }, at).await
    }
}
