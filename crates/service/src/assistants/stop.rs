//! Stopping: the worker is gone first, then the status says so.

use reef_domain::Assistant;
use reef_domain::assistant::NotNow;
use reef_domain::input::Parsed;
use reef_domain::state::{Event, State};
use reef_domain::wire::{AssistantRecord, Scope};

use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Done;
use crate::services::Services;

const NOT_STOPPABLE: &str = "Deployment can only be stopped after it was activated";
const NOT_REMOVED: &str = "Failed to delete deployed worker before stopping";
/// How often a stop starts over because another change came between.
const TRIES: usize = 20;

impl Services {
    /// Stops an assistant. Of a stopped one nothing changes, except that what a pause of the subscription has stopped
    /// does not start again by itself. Billing goes on.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidState`] before activation, and
    /// [`Error::WorkerDeleteFailed`] with everything as it was when the worker may still be there.
    #[tracing::instrument(name = "stop", skip_all)]
    pub async fn stop(&self, caller: &Caller, id: &str, body: Parsed<()>) -> Result<AssistantRecord, Error> {
        let mut found = self.find(caller, Scope::Write, id).await?;
        body.map_err(Error::InvalidRequest)?;
        let mut checks = Vec::new();
        for _ in 0..TRIES {
            let is_stopped = matches!(found.state, State::Stopped { .. });
            if is_stopped && stopped(&found)? == found {
                return Ok(found.record());
            }
            // What is stopped has no worker, or a job removes it.
            if !is_stopped {
                stopped(&found)?;
                checks.extend(self.begin_removal(&found).await?);
                if let Err(error) = self.remove_worker_of(&found).await? {
                    tracing::warn!(assistant_id = %found.id, error = %error, "the worker could not be removed before stopping");
                    return Err(Error::WorkerDeleteFailed { message: NOT_REMOVED });
                }
            }
            let mut work = self.work().await?;
            let before = self.owned_locked(&mut work.tx, caller, found.id).await?;
            // What came between may have started a worker: a redeployment, or this very run.
            if before.state == found.state {
                let after = work.save(&before, stopped(&before)?).await?;
                if is_stopped {
                    work.drop_fallback(&after).await?;
                } else {
                    // Its bot was let go of with the worker.
                    work.tx.delete_replaced(after.id).await?;
                }
                work.cancel_checks(&checks).await?;
                work.done(Done::Record(&after.record())).await?;
                work.commit().await?;
                return Ok(after.record());
            }
            found = before;
        }
        tracing::warn!(assistant_id = %found.id, "other changes came between every time");
        Err(Error::WorkerDeleteFailed { message: NOT_REMOVED })
    }
}

fn stopped(a: &Assistant) -> Result<Assistant, Error> {
    let mut after = a.clone();
    after.apply(Event::Stop).map_err(|refusal: NotNow| Error::not_now(refusal, NOT_STOPPABLE))?;
    Ok(after)
}
