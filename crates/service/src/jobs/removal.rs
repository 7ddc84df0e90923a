//! Jobs that clean up at vendors: workers, subscriptions, managed keys, conversations.

use reef_domain::ids::AssistantId;
use reef_domain::state::Run;
use secrecy::SecretString;

use super::JobError;
use crate::ports::{PaymentError, WorkerRef};
use crate::services::Services;

/// The timeline's entry about the end of a duplicate subscription.
const ENDED_SECOND: &str = "The duplicate subscription for this assistant has ended.";

impl Services {
    /// Removes the worker of a stopped run. Its bot is left alone while a newer run may be using it.
    pub(super) async fn remove_stopped_worker(&self, worker: &WorkerRef) -> Result<(), JobError> {
        let id = worker.assistant_id;
        let (assistant, secrets, replaced) = {
            let mut tx = self.store().read().await?;
            (tx.assistant(id).await?, tx.secrets(id).await?, tx.replaced(id).await?)
        };
        if assistant.is_none_or(|a| a.state.is_running()) {
            return self.take_down_behind(worker, &[]).await;
        }
        let bots = self.bots_to_release(id, &secrets).await?;
        self.take_down_behind(worker, &bots).await?;
        Ok(self.erase_replaced(id, replaced.as_ref()).await?)
    }

    /// Removes what an older run has left. If a newer run has started meanwhile, Telegram may delete the webhook after the
    /// new run has set it, so the bot is checked.
    pub(super) async fn take_down_behind(
        &self,
        worker: &WorkerRef,
        bots: &[SecretString],
    ) -> Result<(), JobError> {
        let gone = self.take_down(worker, bots).await;
        let now = {
            let mut tx = self.store().read().await?;
            tx.assistant(worker.assistant_id).await?
        };
        let is_behind = |run: &Run| run.generation > worker.generation;
        if now.is_some_and(|a| a.state.is_running() && a.state.run().is_some_and(is_behind)) {
            self.check_bot_soon(worker.assistant_id).await?;
        }
        gone.map_err(|error| JobError::Retry(error.into()))
    }

    /// Revokes a subscription. One that has ended already is a success.
    pub(super) async fn revoke_subscription(&self, id: &str) -> Result<(), JobError> {
        match self.ports().payments.revoke_subscription(id).await {
            Ok(()) => {}
            Err(PaymentError::TooMany { retry_after: Some(wait) }) => {
                let why = "rate limited by polar".to_owned();
                return Err(JobError::RetryAt(self.now().plus(wait), why));
            }
            Err(error) => return Err(JobError::Retry(error.into())),
        }
        let mut work = self.work().await?;
        let row = work.tx.revocation(id).await?;
        work.tx.confirm_revocation(id, work.now).await?;
        // The page of the receipt updates live.
        if let Some(slot) = row.as_ref().and_then(|row| row.assistant_id)
            && let Some(receipt) = work.tx.receipt(slot).await?
        {
            work.changed_of(receipt.user_id, slot);
        }
        if let Some(slot) = row.filter(|row| row.reason == "duplicate").and_then(|row| row.assistant_id)
            && let Some(assistant) = work.tx.lock_assistant(slot).await?
        {
            work.flag(assistant, ENDED_SECOND).await?;
        }
        work.commit().await?;
        tracing::info!(subscription_id = id, "subscription revoked");
        Ok(())
    }

    pub(super) async fn delete_managed_key(&self, hash: &str) -> Result<(), JobError> {
        let Some(keys) = &self.ports().managed_keys else {
            return Err(JobError::Retry("no management key is configured".into()));
        };
        keys.delete(hash).await.map_err(|error| JobError::Retry(error.into()))
    }

    pub(super) async fn forget_assistant(&self, id: AssistantId) -> Result<(), JobError> {
        self.ports().workers.forget(id).await.map_err(|error| JobError::Retry(error.into()))
    }
}
