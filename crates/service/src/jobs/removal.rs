//! Taking away what must not go on: workers, subscriptions, keys, memories.

use reef_domain::ids::AssistantId;
use reef_domain::state::Run;
use secrecy::SecretString;

use super::JobError;
use crate::ports::{PaymentError, WorkerRef};
use crate::services::Services;

/// Said in the timeline when a slot's second subscription is over.
const ENDED_SECOND: &str = "The second subscription that was paid for this slot has been ended.";

impl Services {
    /// Removes the worker of a stopped run. Its bot is only touched while no newer run may be using it.
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

    /// Takes down what an older run has left. If a newer one runs by now, Telegram may hear of the old webhook's end
    /// after the new one was set, so that bot is looked at.
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

    /// Ends a subscription at the payment provider; what is over already is success.
    pub(super) async fn revoke_subscription(&self, id: &str) -> Result<(), JobError> {
        match self.ports().payments.revoke_subscription(id).await {
            Ok(()) => {}
            Err(PaymentError::TooMany { retry_after: Some(wait) }) => {
                let why = "payment provider asks for patience".to_owned();
                return Err(JobError::RetryAt(self.now().plus(wait), why));
            }
            Err(error) => return Err(JobError::Retry(error.into())),
        }
        let mut work = self.work().await?;
        let row = work.tx.revocation(id).await?;
        work.tx.confirm_revocation(id, work.now).await?;
        // Who looks at the receipt of a deletion sees it.
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

    /// Ends a managed model key.
    pub(super) async fn delete_managed_key(&self, hash: &str) -> Result<(), JobError> {
        let Some(keys) = &self.ports().managed_keys else {
            return Err(JobError::Retry("no management key is configured".into()));
        };
        keys.delete(hash).await.map_err(|error| JobError::Retry(error.into()))
    }

    /// Destroys what a deleted assistant remembered at its worker host.
    pub(super) async fn forget_assistant(&self, id: AssistantId) -> Result<(), JobError> {
        self.ports().workers.forget(id).await.map_err(|error| JobError::Retry(error.into()))
    }
}
