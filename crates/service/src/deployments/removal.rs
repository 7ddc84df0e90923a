//! Removing an assistant's worker and the webhooks of its bots, and confirming that both are gone.

use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, JobId};
use reef_domain::state::State;
use reef_jobs::Job as _;
use reef_store::Secrets;
use secrecy::SecretString;
use thiserror::Error as ThisError;
use tokio::time::timeout;

use crate::deployments::Deploy;
use crate::deployments::worker::{CHECK_AFTER, REMOVAL_TIMEOUT, worker_ref};
use crate::error::Error;
use crate::services::Services;
use reef_ports::{TelegramError, WorkerHostError, WorkerRef};

/// Why a worker may still be running.
#[derive(Debug, ThisError)]
pub(crate) enum RemovalError {
    /// Telegram did not confirm that the webhook is deleted.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// The worker host did not confirm the removal.
    #[error(transparent)]
    Host(#[from] WorkerHostError),
    #[error("no confirmation within 12 s")]
    Timeout,
}

async fn within_time(removal: impl Future<Output = Result<(), RemovalError>>) -> Result<(), RemovalError> {
    timeout(REMOVAL_TIMEOUT, removal).await.unwrap_or(Err(RemovalError::Timeout))
}

impl Services {
    /// Enqueues a job that repairs the bot if the removal that follows is interrupted. `None` when nothing runs, so that
    /// there is nothing to interrupt.
    pub(crate) async fn enqueue_removal_check(&self, a: &Assistant) -> Result<Option<JobId>, Error> {
        if !a.state.is_running() {
            return Ok(None);
        }
        let mut work = self.unit_of_work().await?;
        let check = work.schedule_bot_check(a.id).await?;
        work.commit(None).await?;
        Ok(Some(check))
    }

    /// Ends a deployment in progress without changing the status: its run gets the next generation, and the returned job
    /// continues with that after a while unless it is canceled. If another request has done so already, its job is
    /// rescheduled instead, because two deletions at once would supersede each other forever.
    pub(crate) async fn supersede_run(&self, found: &mut Assistant) -> Result<Option<JobId>, Error> {
        let mut work = self.unit_of_work().await?;
        let Some(before) = work.tx.lock_assistant(found.id).await? else { return Err(Error::NotFound) };
        let Some(run) = before.state.run().filter(|_| matches!(before.state, State::Deploying { .. })) else {
            *found = before;
            return Ok(None);
        };
        let deploy = |generation| Deploy(WorkerRef { generation, ..worker_ref(&before, run) });
        let later = work.now.plus(CHECK_AFTER);
        if let Some(job) =
            work.tx.reschedule_job(&deploy(run.generation).dedup_key(), later, work.now).await?
        {
            *found = before;
            work.commit(None).await?;
            return Ok(Some(job));
        }
        let next = deploy(run.generation + 1);
        let after = Assistant { state: before.state.clone().with_next_generation(), ..before.clone() };
        *found = work.save(&before, after).await?;
        work.record_change(found);
        let job = work.enqueue_at(next, later).await?;
        work.commit(None).await?;
        Ok(Some(job))
    }

    /// Removes the worker of an assistant's last run and its webhooks. One that is gone, or never existed, is a success.
    pub(crate) async fn remove_worker(&self, a: &Assistant) -> Result<Result<(), RemovalError>, Error> {
        let Some(run) = a.state.run() else { return Ok(Ok(())) };
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.get_secrets(a.id).await?
        };
        let bots = self.bots_to_disconnect(a.id, &secrets).await?;
        let removal = async {
            // The webhook goes first: if that fails, the assistant still answers, as its status says.
            self.disconnect_bots(&bots).await?;
            Ok(self.ports().workers.remove(&worker_ref(a, run)).await?)
        };
        Ok(within_time(removal).await)
    }

    /// Removes a worker that must no longer answer, then the webhooks of its bots, even if the worker could not be
    /// removed.
    pub(crate) async fn tear_down(
        &self,
        worker: &WorkerRef,
        bots: &[SecretString],
    ) -> Result<(), RemovalError> {
        let removed = within_time(async { Ok(self.ports().workers.remove(worker).await?) }).await;
        let released = within_time(async { Ok(self.disconnect_bots(bots).await?) }).await;
        removed.and(released)
    }

    /// The bot whose webhook belongs to the assistant. `None` when another assistant runs as the same bot and owns the
    /// webhook.
    pub(crate) async fn bot_to_disconnect(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        let Some(fingerprint) = &secrets.bot_token_hash else { return Ok(None) };
        let mut tx = self.store().read().await?;
        if tx.is_bot_running_elsewhere(fingerprint, id).await? {
            return Ok(None);
        }
        drop(tx);
        self.open_bot_token(id, secrets)
    }

    /// The bots of an assistant that does not run: the configured one, and one that a change has replaced or tried.
    pub(crate) async fn bots_to_disconnect(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Vec<SecretString>, Error> {
        let configured = self.bot_to_disconnect(id, secrets).await?;
        let replaced = self.replaced_bot(id, secrets).await?;
        Ok(configured.into_iter().chain(replaced).collect())
    }

    /// The secret that Telegram sends with every update. It is the same for all runs with this bot, so that a late
    /// `setWebhook` of an older run changes nothing.
    pub(crate) fn webhook_secret(&self, id: AssistantId, secrets: &Secrets) -> SecretString {
        let bot = data_encoding::HEXLOWER.encode(secrets.bot_token_hash.as_deref().unwrap_or_default());
        self.vault().derive("telegram webhook secret", &format!("{id}/{bot}")).into()
    }

    async fn disconnect_bots(&self, bots: &[SecretString]) -> Result<(), TelegramError> {
        for token in bots {
            self.disconnect_bot(token).await?;
        }
        Ok(())
    }

    pub(crate) async fn disconnect_bot(&self, token: &SecretString) -> Result<(), TelegramError> {
        match self.ports().telegram.delete_webhook(token).await {
            // A token that Telegram no longer knows cannot have a webhook.
            Ok(()) | Err(TelegramError::TokenRejected) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
