//! Changing a running assistant: stop, save, redeploy, as one action of its owner.
//!
//! Each part is the use case of that name. How far it has come is written down by the commits of the parts themselves, so
//! that an action which ends in the middle is seen on the assistant's page, which then says how to go on.

use reef_domain::actions::{Action, refusal_of};
use reef_domain::assistant::NotNow;
use reef_domain::choice;
use reef_domain::input::{CallbackChange, Parsed, UpdateInput};
use reef_domain::state::{Event, InvalidTransition};
use reef_domain::wire::{AssistantRecord, Scope};
use reef_domain::{Assistant, Issue};
use reef_store::PendingChange;
use tracing::Instrument as _;

use super::secrets::bot_fingerprint;
use super::update::INVALID;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

const NOT_CHANGEABLE: &str = "Deployment can only be changed when status is active, failed, or stopped";

/// What is to be different.
pub struct Change {
    /// The configuration; `None` leaves it as it is.
    pub update: Option<UpdateInput>,
    /// Where callbacks go.
    pub callback: CallbackChange,
}

impl Services {
    /// Saves a change of an assistant and deploys it, running or not: one that runs is stopped for it. Whatever can be
    /// refused is refused before anything is stopped. It goes on when who asked does not wait for its end.
    ///
    /// # Errors
    /// As [`Self::update`], then [`Error::InvalidState`] while it is being deployed, before activation, and when it is
    /// not paid any more; [`Error::WorkerDeleteFailed`] with everything as it was; [`Error::Internal`].
    pub async fn change(
        &self,
        caller: &Caller,
        id: &str,
        change: Parsed<Change>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.find(caller, Scope::Write, id).await?;
        let change = change.map_err(Error::InvalidRequest)?;
        self.check_change(&found, &change).await?;
        let (services, caller) = (self.clone(), *caller);
        let whole = async move { services.carry_out(&caller, &found, change).await };
        // Whoever closes the page in the middle must not leave it stopped.
        tokio::spawn(whole.in_current_span()).await.map_err(Error::internal)?
    }

    /// Refuses what a part would refuse once the assistant is stopped.
    async fn check_change(&self, a: &Assistant, change: &Change) -> Result<(), Error> {
        if let Some(input) = &change.update {
            let invalid = |issues| Error::InvalidInput { message: INVALID, issues };
            let catalog = self.catalog().await?;
            choice::of_update(&catalog, a.mode, &a.config, input).map_err(invalid)?;
            if let Some(token) = &input.telegram_bot_token {
                let mut tx = self.store().read().await?;
                if tx.bot_is_taken(&bot_fingerprint(token), a.id, Some(a.user_id)).await? {
                    return Err(bot_in_use());
                }
            }
        }
        if refusal_of(&a.record(), Action::Change).is_none() {
            return Ok(());
        }
        let (payment, from) = (a.payment.status, a.state.status());
        let redeploy = Event::Redeploy { deadline: self.now() };
        let (event, allowed) = (redeploy.name(), redeploy.allowed());
        let refusal = if payment.entitles() {
            NotNow::State(InvalidTransition { from, event, allowed })
        } else {
            NotNow::Unpaid { payment, from, allowed }
        };
        Err(Error::not_now(refusal, NOT_CHANGEABLE))
    }

    async fn carry_out(
        &self,
        caller: &Caller,
        found: &Assistant,
        change: Change,
    ) -> Result<AssistantRecord, Error> {
        let id = found.id.to_string();
        if found.state.is_running() {
            self.stop_for(caller, &id, Ok(()), Some(PendingChange::Stopped)).await?;
        }
        if let Some(update) = change.update {
            self.update(caller, &id, Ok(update)).await?;
        }
        self.redeploy(caller, &id, Ok(change.callback)).await
    }
}

/// Another assistant of the owner holds the bot.
pub(super) fn bot_in_use() -> Error {
    let issue =
        Issue::new("telegramBotToken", "in_use", "Another of your assistants uses this bot; stop it first.");
    Error::InvalidInput { message: "The bot is in use", issues: vec![issue] }
}
