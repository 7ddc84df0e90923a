//! Deleting an assistant: the worker first, then everything else. The subscription never blocks it.

use reef_domain::input::Parsed;
use reef_domain::wire::{ApiMode, EventKind, PaymentStatus, Scope};

use crate::assistants::ForgetConversations;
use crate::billing::DELETED_CHECK_AFTER;
use crate::billing::credit::DeleteManagedKey;
use crate::billing::credit::ReconcileManagedKey;
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Outcome;
use crate::services::Services;

use crate::assistants::receipt::receipt_of;

const NOT_DELETED: &str = "The assistant couldn't be stopped, so nothing was deleted. Try again in a moment.";
/// How often a deletion starts over because of concurrent changes.
const ATTEMPTS: usize = 20;

impl Services {
    /// Deletes an assistant in any status. Its secrets are destroyed at once, its subscription is revoked by a job that retries
    /// until that is confirmed, and a later payment is revoked too.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], and [`Error::WorkerDeleteFailed`], with nothing deleted, when
    /// the worker may still be running.
    #[tracing::instrument(name = "delete", skip_all)]
    pub async fn delete(&self, caller: &Caller, id: &str, body: Parsed<()>) -> Result<(), Error> {
        let mut found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        let mut checks = Vec::new();
        for _ in 0..ATTEMPTS {
            checks.extend(self.enqueue_removal_check(&found).await?);
            // The bot's token is destroyed below, so jobs that use it have to end first.
            checks.extend(self.supersede_run(&mut found).await?);
            if !self.wait_for_bot_jobs(found.id).await? {
                tracing::warn!(assistant_id = %found.id, "deletion refused: a job of the bot did not end in time");
                return Err(Error::WorkerDeleteFailed { message: NOT_DELETED });
            }
            if let Err(error) = self.remove_worker(&found).await? {
                tracing::warn!(assistant_id = %found.id, error = %error, "deletion refused: worker removal failed");
                return Err(Error::WorkerDeleteFailed { message: NOT_DELETED });
            }
            let mut work = self.unit_of_work().await?;
            let mut last = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
            // A concurrent redeployment, or this very run, may have started a worker since.
            if last.state != found.state {
                found = last;
                continue;
            }
            let secrets = work.tx.get_secrets(last.id).await?;
            work.tx.insert_receipt(&receipt_of(&last, &secrets, work.now)).await?;
            last.sequence += 1;
            let status = last.state.status();
            work.record_event(&last, EventKind::Deleted, Some(status)).await?;
            work.tx.delete_assistant(last.id, last.user_id, work.now).await?;
            match &last.payment.subscription_id {
                Some(_) if last.payment.status == PaymentStatus::Canceled => {
                    work.tx.stop_payment_checks(last.id).await?;
                }
                Some(subscription) => drop(work.enqueue_revocation(last.id, subscription, "deleted").await?),
                // A checkout may still be open, so Polar is checked now and then until it can no longer be paid.
                None => {
                    work.tx.postpone_payment_check(last.id, work.now.plus(DELETED_CHECK_AFTER)).await?;
                }
            }
            if let Some(hash) = secrets.managed_key_hash {
                work.enqueue(DeleteManagedKey { hash }).await?;
            }
            if last.mode == ApiMode::Managed {
                // A run that crashed may have created a key that was never stored.
                work.enqueue(ReconcileManagedKey { assistant_id: last.id }).await?;
            }
            work.enqueue(ForgetConversations { assistant_id: last.id }).await?;
            work.cancel_bot_checks(&checks).await?;
            work.record_change(&last);
            work.commit(Some(&Outcome::Deleted)).await?;
            tracing::info!(assistant_id = %last.id, "assistant deleted");
            return Ok(());
        }
        tracing::warn!(assistant_id = %found.id, "deletion refused: concurrent changes in every attempt");
        Err(Error::WorkerDeleteFailed { message: NOT_DELETED })
    }
}
