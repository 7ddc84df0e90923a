//! Making sure that an assistant's worker is gone.

use std::time::Duration;

use reef_domain::Assistant;
use reef_domain::ids::{AssistantId, JobId};
use reef_domain::state::{Run, State};
use reef_store::Secrets;
use secrecy::SecretString;
use thiserror::Error as ThisError;
use tokio::time::timeout;

use crate::error::Error;
use crate::jobs::{CHECK_AFTER, Job};
use crate::ports::{HostError, TelegramError, WorkerRef};
use crate::services::Services;

/// How long the worker host and Telegram may take to confirm.
pub(crate) const REMOVAL_TIMEOUT: Duration = Duration::from_secs(12);

/// The worker may still be there.
#[derive(Debug, ThisError)]
pub(crate) enum RemovalError {
    /// Telegram did not confirm that it sends the worker nothing more.
    #[error(transparent)]
    Telegram(#[from] TelegramError),
    /// The host did not confirm.
    #[error(transparent)]
    Host(#[from] HostError),
    /// No answer in time.
    #[error("no confirmation within 12 s")]
    Timeout,
}

/// The worker that a run belongs to.
pub(crate) fn worker_ref(a: &Assistant, run: &Run) -> WorkerRef {
    WorkerRef { assistant_id: a.id, worker_name: run.worker_name.clone(), generation: run.generation }
}

async fn within_time(removal: impl Future<Output = Result<(), RemovalError>>) -> Result<(), RemovalError> {
    timeout(REMOVAL_TIMEOUT, removal).await.unwrap_or(Err(RemovalError::Timeout))
}

impl Services {
    /// Writes down that an assistant's worker is about to be removed: should it remain half done, its bot is looked
    /// at. `None` when there is nothing to be done half.
    pub(crate) async fn begin_removal(&self, a: &Assistant) -> Result<Option<JobId>, Error> {
        if !a.state.is_running() {
            return Ok(None);
        }
        let mut work = self.work().await?;
        let check = work.check_bot_later(a.id).await?;
        work.commit().await?;
        Ok(Some(check))
    }

    /// Has a deployment under way end without a word. It goes on as a run of the next generation after a while, by the
    /// job that is given, unless that is taken back. One that somebody else has ended so stays as it is: else two that
    /// delete at once would overtake each other again and again.
    pub(crate) async fn overtake_run(&self, found: &mut Assistant) -> Result<Option<JobId>, Error> {
        let mut work = self.work().await?;
        let Some(before) = work.tx.lock_assistant(found.id).await? else { return Err(Error::NotFound) };
        let Some(run) = before.state.run().filter(|_| matches!(before.state, State::Deploying { .. })) else {
            *found = before;
            return Ok(None);
        };
        let deploy = |generation| Job::Deploy {
            assistant_id: before.id,
            worker_name: run.worker_name.clone(),
            generation,
        };
        let later = work.now.plus(CHECK_AFTER);
        if let Some(job) = work.tx.put_job_off(&deploy(run.generation).dedup_key(), later, work.now).await? {
            *found = before;
            work.commit().await?;
            return Ok(Some(job));
        }
        let next = deploy(run.generation + 1);
        let after = Assistant { state: before.state.clone().begun_anew(), ..before.clone() };
        *found = work.save(&before, after).await?;
        work.changed(found);
        let job = work.enqueue_at(next, later).await?;
        work.commit().await?;
        Ok(Some(job))
    }

    /// Removes the worker of an assistant's last run, so that it answers nobody any more. What is gone
    /// already, or was never there, is success.
    pub(crate) async fn remove_worker_of(&self, a: &Assistant) -> Result<Result<(), RemovalError>, Error> {
        let Some(run) = a.state.run() else { return Ok(Ok(())) };
        let secrets = {
            let mut tx = self.store().read().await?;
            tx.secrets(a.id).await?
        };
        let bots = self.bots_to_release(a.id, &secrets).await?;
        let removal = async {
            // The webhook first: as long as it is there, all is as it was and the owner is told so.
            self.release_bots(&bots).await?;
            Ok(self.ports().workers.remove(&worker_ref(a, run)).await?)
        };
        Ok(within_time(removal).await)
    }

    /// Removes a worker that nobody may reach any more, then ends the webhooks of its bots, whether or not the
    /// first has worked.
    pub(crate) async fn take_down(
        &self,
        worker: &WorkerRef,
        bots: &[SecretString],
    ) -> Result<(), RemovalError> {
        let removed = within_time(async { Ok(self.ports().workers.remove(worker).await?) }).await;
        let released = within_time(async { Ok(self.release_bots(bots).await?) }).await;
        removed.and(released)
    }

    /// The bot token whose webhook goes with the assistant's worker. `None` when another assistant runs as
    /// the same bot: the webhook is that one's.
    pub(crate) async fn bot_to_release(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        let Some(fingerprint) = &secrets.bot_fingerprint else { return Ok(None) };
        let mut tx = self.store().read().await?;
        if tx.bot_runs_elsewhere(fingerprint, id).await? {
            return Ok(None);
        }
        drop(tx);
        self.open_bot_token(id, secrets)
    }

    /// The bots of an assistant that runs no more: the configured one, and one that a change has replaced or tried.
    pub(crate) async fn bots_to_release(
        &self,
        id: AssistantId,
        secrets: &Secrets,
    ) -> Result<Vec<SecretString>, Error> {
        let configured = self.bot_to_release(id, secrets).await?;
        let replaced = self.replaced_bot(id, secrets).await?;
        Ok(configured.into_iter().chain(replaced).collect())
    }

    /// What Telegram proves itself with: the same for every run with this bot, so that a late call of an old run
    /// changes nothing.
    pub(crate) fn webhook_secret(&self, id: AssistantId, secrets: &Secrets) -> SecretString {
        let bot = crate::vault::hex(secrets.bot_fingerprint.as_deref().unwrap_or_default());
        self.vault().derive("telegram webhook secret", &format!("{id}/{bot}")).into()
    }

    async fn release_bots(&self, bots: &[SecretString]) -> Result<(), TelegramError> {
        for token in bots {
            self.release_bot(token).await?;
        }
        Ok(())
    }

    /// Ends a bot's webhook.
    pub(crate) async fn release_bot(&self, token: &SecretString) -> Result<(), TelegramError> {
        match self.ports().telegram.delete_webhook(token).await {
            // A token that Telegram no longer knows can't have a webhook of ours.
            Ok(()) | Err(TelegramError::TokenRejected) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
