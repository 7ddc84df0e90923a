//! Undoing a change of a running assistant whose run has failed: the replaced model and secrets are deployed again.
//!
//! The replaced values are stored in the transaction of the change and deployed again in the transaction that ends the failed
//! run, so that no crash can leave the assistant down. They are deleted when the new run is active. Once they can no longer be
//! deployed, they are deleted as soon as their bot has no webhook.

use reef_domain::ids::AssistantId;
use reef_domain::{Assistant, FailureCode};
use reef_store::{ReplacedConfiguration, Secrets};
use secrecy::SecretString;

use crate::deployments::RemoveWorker;
use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

impl UnitOfWork<'_> {
    /// Stores the values that a change of a running assistant replaces. `current` are the secrets before it, `new` those it
    /// brings.
    pub(super) async fn save_replaced(
        &mut self,
        before: &Assistant,
        current: Secrets,
        new: &Secrets,
    ) -> Result<(), Error> {
        let mut secrets = Secrets::default();
        if new.bot_token.is_some() {
            secrets = bot_secrets(current.clone());
        }
        if new.model_key.is_some() {
            secrets.model_key = current.model_key;
            secrets.model_key_fingerprint = current.model_key_fingerprint;
            secrets.model_key_set_at = current.model_key_set_at;
        }
        let replaced = ReplacedConfiguration {
            is_fallback: true,
            replaced_at: self.now,
            provider: before.config.provider,
            model_id: before.config.model_id.clone(),
            secrets,
        };
        Ok(self.tx.upsert_replaced_configuration(before.id, &replaced).await?)
    }

    /// Records that the run of a change has failed and deploys the replaced values, as two changes of the status in one
    /// transaction. Returns `false`, with nothing written, when there are no replaced values to deploy.
    pub(crate) async fn undo_change(
        &mut self,
        before: &Assistant,
        failed: &Assistant,
    ) -> Result<bool, Error> {
        let Some(replaced) =
            self.tx.find_replaced_configuration(before.id).await?.filter(|replaced| replaced.is_fallback)
        else {
            return Ok(false);
        };
        let deadline = self.now.plus(self.services.config().deploy_timeout);
        let undo = |a: &mut Assistant| a.undo_change(replaced.provider, replaced.model_id.clone(), deadline);
        if undo(&mut failed.clone()).is_err() {
            return Ok(false);
        }
        let failed = self.save_without_mail(before, failed.clone()).await?;
        self.record_undo(&failed, &replaced);
        let mut after = failed.clone();
        undo(&mut after).map_err(Error::internal)?;
        let after = self.save(&failed, after).await?;
        self.restore_secrets(after.id, replaced).await?;
        self.services.enqueue_run(self, &after).await?;
        tracing::warn!(assistant_id = %after.id, "change undone after its deployment failed");
        Ok(true)
    }

    /// Restores the secrets that a change has replaced. The bot that was tried stays stored until its webhook is deleted,
    /// because a run that crashed may have left one.
    async fn restore_secrets(
        &mut self,
        id: AssistantId,
        replaced: ReplacedConfiguration,
    ) -> Result<(), Error> {
        let tried = self.tx.get_secrets(id).await?;
        self.tx.restore_secrets(id, &replaced.secrets).await?;
        if replaced.secrets.bot_token.is_none() {
            return Ok(self.tx.delete_replaced_configuration(id).await?);
        }
        let tried = ReplacedConfiguration {
            is_fallback: false,
            replaced_at: self.now,
            provider: None,
            model_id: None,
            secrets: bot_secrets(tried),
        };
        Ok(self.tx.upsert_replaced_configuration(id, &tried).await?)
    }

    /// Gives up the replaced values because the owner has made another change or the subscription has ended. The run in
    /// progress deletes them, or a job does.
    pub(crate) async fn discard_fallback(&mut self, a: &Assistant) -> Result<(), Error> {
        if self.tx.discard_fallback(a.id).await? && !a.state.is_running() {
            self.enqueue_replaced_deletion(a).await?;
        }
        Ok(())
    }

    /// Enqueues the job that deletes the replaced values once their bot has no webhook.
    pub(crate) async fn enqueue_replaced_deletion(&mut self, a: &Assistant) -> Result<(), Error> {
        let Some(worker) = a.state.run().map(|run| worker_ref(a, run)) else { return Ok(()) };
        self.enqueue(RemoveWorker(worker)).await
    }
}

impl Services {
    /// The bot that a change has replaced or tried, if it may still have a webhook. `None` when it is the configured bot, or
    /// another assistant runs as it.
    pub(crate) async fn replaced_bot(
        &self,
        id: AssistantId,
        current: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        let replaced = self.store().read().await?.find_replaced_configuration(id).await?;
        let Some(secrets) = replaced.map(|replaced| replaced.secrets) else { return Ok(None) };
        if secrets.bot_token_hash == current.bot_token_hash {
            return Ok(None);
        }
        self.bot_to_disconnect(id, &secrets).await
    }

    /// Deletes the replaced values once their bot has no webhook; `seen` are those read before that was checked. They stay
    /// while they may be deployed again, as after a pause of the subscription.
    pub(crate) async fn delete_replaced(
        &self,
        id: AssistantId,
        seen: Option<&ReplacedConfiguration>,
    ) -> Result<(), Error> {
        let Some(seen) = seen else { return Ok(()) };
        let mut tx = self.store().begin().await?;
        let Some(a) = tx.lock_assistant(id).await? else { return Ok(()) };
        if a.state.is_running() || is_paused(&a) && seen.is_fallback {
            return Ok(());
        }
        if tx.find_replaced_configuration(id).await?.as_ref() == Some(seen) {
            tx.delete_replaced_configuration(id).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Whether the assistant starts again automatically once its subscription is resumed.
pub(crate) fn is_paused(a: &Assistant) -> bool {
    a.state.failure() == Some(FailureCode::SubscriptionPaused)
}

/// The fields that belong to the bot.
fn bot_secrets(secrets: Secrets) -> Secrets {
    Secrets {
        bot_token: secrets.bot_token,
        bot_token_hash: secrets.bot_token_hash,
        bot_token_fingerprint: secrets.bot_token_fingerprint,
        bot_token_set_at: secrets.bot_token_set_at,
        ..Secrets::default()
    }
}
