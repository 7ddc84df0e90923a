//! Stopping an assistant: its worker is removed first, then its status changes.

use reef_domain::Assistant;
use reef_domain::assistant::ActionRejected;
use reef_domain::input::Parsed;
use reef_domain::state::{Event, State};
use reef_domain::wire::{AssistantRecord, Scope};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

const NOT_STOPPABLE: &str = "An assistant can be stopped only after it was activated.";
const NOT_STOPPED: &str = "The assistant couldn't be stopped, so it is still running. Try again in a moment.";
/// How often a stop starts over because of concurrent changes.
const ATTEMPTS: usize = 20;

impl Services {
    /// Stops an assistant. One that is stopped stays as it is, except that the automatic restart after a paused subscription
    /// is canceled. The subscription is not affected.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidState`] before activation, and
    /// [`Error::WorkerDeleteFailed`], with the status unchanged, when the worker may still be running.
    #[tracing::instrument(name = "stop", skip_all)]
    pub async fn stop(&self, caller: &Caller, id: &str, body: Parsed<()>) -> Result<AssistantRecord, Error> {
        let mut found = self.authorize_assistant(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        let mut checks = Vec::new();
        for _ in 0..ATTEMPTS {
            let is_stopped = matches!(found.state, State::Stopped { .. });
            if is_stopped && stopped(&found)? == found {
                // Another process may have stopped it just now.
                self.store().forget(found.user_id, found.id);
                return Ok(found.record());
            }
            // A stopped assistant has no worker, or a job is removing it.
            if !is_stopped {
                stopped(&found)?;
                checks.extend(self.enqueue_removal_check(&found).await?);
                if let Err(error) = self.remove_worker(&found).await? {
                    tracing::warn!(assistant_id = %found.id, error = %error, "stop refused: worker removal failed");
                    return Err(Error::WorkerDeleteFailed { message: NOT_STOPPED });
                }
            }
            let mut work = self.unit_of_work().await?;
            let before = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
            // A concurrent redeployment, or this very run, may have started a worker since.
            if before.state == found.state {
                let after = work.save(&before, stopped(&before)?).await?;
                if is_stopped {
                    work.discard_fallback(&after).await?;
                } else {
                    // The removal has deleted the webhooks of all its bots already.
                    work.tx.delete_replaced_configuration(after.id).await?;
                }
                work.cancel_bot_checks(&checks).await?;
                let record = after.record();
                work.commit(Some(&record.clone().into())).await?;
                return Ok(record);
            }
            found = before;
        }
        tracing::warn!(assistant_id = %found.id, "stop refused: concurrent changes in every attempt");
        Err(Error::WorkerDeleteFailed { message: NOT_STOPPED })
    }
}

fn stopped(a: &Assistant) -> Result<Assistant, Error> {
    let mut after = a.clone();
    after
        .apply(Event::Stop)
        .map_err(|refusal: ActionRejected| Error::action_rejected(refusal, NOT_STOPPABLE))?;
    Ok(after)
}
