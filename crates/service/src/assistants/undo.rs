//! Undoing a change of a running assistant whose run has failed: what it has replaced is deployed again.
//!
//! What was replaced is kept in the transaction of the change, and deployed again in the transaction that ends the failed run:
//! there is no moment between at which a crash could leave the assistant down. It is erased when the new run is active. Where
//! there is nothing to go back to any more, it is erased once its bot has no webhook of ours.

use reef_domain::ids::AssistantId;
use reef_domain::{Assistant, FailureCode};
use reef_store::{Replaced, Secrets};
use secrecy::SecretString;

use super::worker_ref;
use crate::error::Error;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

impl Work<'_> {
    /// Keeps what a change of a running assistant replaces: `kept` are the secrets from before it, `new` those it brings.
    pub(super) async fn keep_replaced(
        &mut self,
        before: &Assistant,
        kept: Secrets,
        new: &Secrets,
    ) -> Result<(), Error> {
        let mut secrets = Secrets::default();
        if new.bot_token.is_some() {
            secrets = bot_of(kept.clone());
        }
        if new.model_key.is_some() {
            secrets.model_key = kept.model_key;
            secrets.model_key_mark = kept.model_key_mark;
            secrets.model_key_set_at = kept.model_key_set_at;
        }
        let replaced = Replaced {
            is_fallback: true,
            replaced_at: self.now,
            provider: before.config.provider,
            model_id: before.config.model_id.clone(),
            secrets,
        };
        Ok(self.tx.set_replaced(before.id, &replaced).await?)
    }

    /// Writes that the run of a change has failed and deploys what the change had replaced, as two changes of the status in
    /// one transaction. `false`, with nothing written, when there is nothing to go back to.
    pub(crate) async fn undo_change(
        &mut self,
        before: &Assistant,
        failed: &Assistant,
    ) -> Result<bool, Error> {
        let Some(replaced) = self.tx.replaced(before.id).await?.filter(|replaced| replaced.is_fallback)
        else {
            return Ok(false);
        };
        let deadline = self.now.plus(self.services.config().deploy_timeout);
        let undo = |a: &mut Assistant| a.undo_change(replaced.provider, replaced.model_id.clone(), deadline);
        if undo(&mut failed.clone()).is_err() {
            return Ok(false);
        }
        let mut failed = self.save_without_mail(before, failed.clone()).await?;
        self.record_undo(&mut failed, &replaced).await?;
        let mut after = failed.clone();
        undo(&mut after).map_err(Error::internal)?;
        let after = self.save(&failed, after).await?;
        self.restore_secrets(after.id, replaced).await?;
        self.services.start_run(self, &after).await?;
        tracing::warn!(assistant_id = %after.id, "a change is undone because its deployment has failed");
        Ok(true)
    }

    /// Puts the secrets back that a change has replaced. The bot that was tried is kept until its webhook is gone: a run that
    /// died may have left one.
    async fn restore_secrets(&mut self, id: AssistantId, replaced: Replaced) -> Result<(), Error> {
        let tried = self.tx.secrets(id).await?;
        self.tx.restore_secrets(id, &replaced.secrets).await?;
        if replaced.secrets.bot_token.is_none() {
            return Ok(self.tx.delete_replaced(id).await?);
        }
        let tried = Replaced {
            is_fallback: false,
            replaced_at: self.now,
            provider: None,
            model_id: None,
            secrets: bot_of(tried),
        };
        Ok(self.tx.set_replaced(id, &tried).await?)
    }

    /// Notes that there is no going back any more: the owner has done something else, or the subscription has ended. What is
    /// kept is erased by the run under way, or by a job.
    pub(crate) async fn drop_fallback(&mut self, a: &Assistant) -> Result<(), Error> {
        if self.tx.drop_fallback(a.id).await? && !a.state.is_running() {
            self.erase_replaced_later(a).await?;
        }
        Ok(())
    }

    /// Has a job erase what was replaced, after its bot has no webhook any more.
    pub(crate) async fn erase_replaced_later(&mut self, a: &Assistant) -> Result<(), Error> {
        let Some(worker) = a.state.run().map(|run| worker_ref(a, run)) else { return Ok(()) };
        self.enqueue(Job::RemoveWorker {
            assistant_id: worker.assistant_id,
            worker_name: worker.worker_name,
            generation: worker.generation,
        })
        .await
    }
}

impl Services {
    /// The bot that a change has replaced or tried, if it may still have a webhook of ours. `None` when it is the bot that is
    /// configured, or another assistant runs as it.
    pub(crate) async fn replaced_bot(
        &self,
        id: AssistantId,
        current: &Secrets,
    ) -> Result<Option<SecretString>, Error> {
        let replaced = self.store().read().await?.replaced(id).await?;
        let Some(secrets) = replaced.map(|replaced| replaced.secrets) else { return Ok(None) };
        if secrets.bot_fingerprint == current.bot_fingerprint {
            return Ok(None);
        }
        self.bot_to_release(id, &secrets).await
    }

    /// Erases what was replaced, now that its bot has no webhook any more; `seen` is what was there before that. It stays
    /// while it may be deployed again: a pause of the subscription ends no change.
    pub(crate) async fn erase_replaced(&self, id: AssistantId, seen: Option<&Replaced>) -> Result<(), Error> {
        let Some(seen) = seen else { return Ok(()) };
        let mut tx = self.store().begin().await?;
        let Some(a) = tx.lock_assistant(id).await? else { return Ok(()) };
        if a.state.is_running() || is_paused(&a) && seen.is_fallback {
            return Ok(());
        }
        if tx.replaced(id).await?.as_ref() == Some(seen) {
            tx.delete_replaced(id).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Whether it starts again automatically once its subscription is resumed.
pub(crate) fn is_paused(a: &Assistant) -> bool {
    a.state.failure() == Some(FailureCode::SubscriptionPaused)
}

/// What is known of the bot alone.
fn bot_of(secrets: Secrets) -> Secrets {
    Secrets {
        bot_token: secrets.bot_token,
        bot_fingerprint: secrets.bot_fingerprint,
        bot_token_mark: secrets.bot_token_mark,
        bot_token_set_at: secrets.bot_token_set_at,
        ..Secrets::default()
    }
}
