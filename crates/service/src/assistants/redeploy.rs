//! Redeploying an assistant with its current configuration.

use reef_domain::input::{CallbackChange, Parsed};
use reef_domain::state::Event;
use reef_domain::wire::{AssistantRecord, Scope};

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

const NOT_REDEPLOYABLE: &str = "An assistant can be redeployed only while it is active, failed or stopped.";

impl Services {
    /// Starts a new run with the current configuration and secrets.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`] and [`Error::InvalidState`] (also
    /// without an active subscription), in this order.
    #[tracing::instrument(name = "redeploy", skip_all)]
    pub async fn redeploy(
        &self,
        caller: &Caller,
        id: &str,
        callback: Parsed<CallbackChange>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let callback = callback.map_err(Error::InvalidRequest)?;

        let mut work = self.unit_of_work().await?;
        let before = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        let mut after = before.clone();
        let event = Event::Redeploy { deadline: work.now.plus(self.config().deploy_timeout) };
        after.apply(event).map_err(|refusal| Error::action_rejected(refusal, NOT_REDEPLOYABLE))?;
        callback.apply(&mut after.config.callback_url);
        let after = work.save(&before, after).await?;
        work.discard_fallback(&after).await?;
        self.enqueue_run(&mut work, &after).await?;
        let record = after.record();
        work.commit(Some(&record.clone().into())).await?;
        Ok(record)
    }
}
