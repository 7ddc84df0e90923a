//! Jobs that clean up at vendors: workers, subscriptions, managed keys, conversations.

use reef_domain::ids::AssistantId;
use reef_domain::state::Run;
use secrecy::SecretString;

use super::JobError;
use crate::services::Services;
use reef_ports::{PaymentError, WorkerRef};

/// The timeline's entry about the end of a duplicate subscription.
const DUPLICATE_ENDED: &str = "The duplicate subscription for this assistant has ended.";

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

    /// Revokes a subscription. One that has ended already is a success.
    pub(super) async fn revoke_subscription(&self, id: &str) -> Result<(), JobError> {
        match self.ports().payments.revoke_subscription(id).await {
            Ok(()) => {}
            Err(PaymentError::RateLimited { retry_after: Some(wait) }) => {
                let why = "rate limited by polar".to_owned();
                return Err(JobError::RetryAt(self.now().plus(wait), why));
            }
            Err(error) => return Err(JobError::Retry(error.into())),
        }
        let mut work = self.unit_of_work().await?;
        let row = work.tx.find_revocation(id).await?;
        work.tx.confirm_revocation(id, work.now).await?;
        // The page of the receipt updates live.
        if let Some(slot) = row.as_ref().and_then(|row| row.assistant_id)
            && let Some(receipt) = work.tx.find_receipt(slot).await?
        {
            work.record_change_of(receipt.user_id, slot);
        }
        if let Some(slot) = row.filter(|row| row.reason == "duplicate").and_then(|row| row.assistant_id)
            && let Some(assistant) = work.tx.lock_assistant(slot).await?
        {
            work.record_payment_flag(assistant, DUPLICATE_ENDED).await?;
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

    pub(super) async fn delete_conversations(&self, id: AssistantId) -> Result<(), JobError> {
        self.ports().workers.forget(id).await.map_err(|error| JobError::Retry(error.into()))
    }
}
