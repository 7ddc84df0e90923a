//! Changing an assistant from the dashboard, running or not.
//!
//! On a running assistant, the name and the callback URL change at once. Another model, key or bot is checked with the vendors
//! first, while the old worker keeps answering; then the configuration and the run change in one transaction. If the run fails
//! all the same, the change is undone: see `undo.rs`.

use reef_domain::actions::{Action, refusal_of};
use reef_domain::assistant::{Config, NotNow};
use reef_domain::choice;
use reef_domain::input::{CallbackChange, Parsed, UpdateInput};
use reef_domain::state::{Event, InvalidTransition};
use reef_domain::wire::{AssistantRecord, Scope, Status};
use reef_domain::{Assistant, Issue};
use reef_store::Secrets;
use tracing::Instrument as _;

use super::preflight::Silence;
use super::secrets::bot_fingerprint;
use super::update::{INVALID, NOT_EDITABLE};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::work::Work;

const NOT_CHANGEABLE: &str = "An assistant can be changed only while it is active, failed or stopped.";

/// An edit from the dashboard: the fields of a PATCH and the callback URL together.
#[derive(Clone)]
pub struct Change {
    /// `None` leaves name, model and secrets as they are.
    pub update: Option<UpdateInput>,
    /// Keeps, replaces or clears the callback URL.
    pub callback: CallbackChange,
}

/// Whether a change may start a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deploy {
    /// A running assistant is deployed only if the change needs it, one that does not run always.
    AsNeeded,
    /// On a running assistant, a change that needs a deployment is refused.
    Never,
}

impl Services {
    /// Saves a change and applies it. A running assistant is deployed only if the change needs it, a failed or stopped one
    /// always. Everything that can be checked is checked before anything stops. The change completes even if the caller drops
    /// the future.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidInput`] with what the vendors
    /// refuse, [`Error::InvalidState`] while it is being deployed, before activation, and without an active subscription,
    /// [`Error::RateLimited`].
    #[tracing::instrument(name = "change", skip_all)]
    pub async fn change(
        &self,
        caller: &Caller,
        id: &str,
        change: Parsed<Change>,
    ) -> Result<AssistantRecord, Error> {
        self.carry_out(caller, id, change, Deploy::AsNeeded).await
    }

    /// Saves a change without a deployment: any field of an assistant that does not run, name and callback URL of one that
    /// does.
    ///
    /// # Errors
    /// As [`Self::change`], with [`Error::InvalidRequest`] for fields of a running assistant that need a deployment.
    #[tracing::instrument(name = "save_change", skip_all)]
    pub async fn save_change(
        &self,
        caller: &Caller,
        id: &str,
        change: Parsed<Change>,
    ) -> Result<AssistantRecord, Error> {
        self.carry_out(caller, id, change, Deploy::Never).await
    }

    async fn carry_out(
        &self,
        caller: &Caller,
        id: &str,
        change: Parsed<Change>,
        deploy: Deploy,
    ) -> Result<AssistantRecord, Error> {
        let found = self.find(caller, Scope::Write, id).await?;
        let change = change.map_err(Error::InvalidRequest)?;
        let (services, caller) = (self.clone(), *caller);
        let whole = async move {
            let change = services.check_change(&found, change, deploy).await?;
            services.commit_change(&caller, &found, change, deploy).await
        };
        // In a task of its own, because a closed page drops this future.
        tokio::spawn(whole.in_current_span()).await.map_err(Error::internal)?
    }

    /// Refuses early what the transaction or a vendor would refuse. Returns the change without a bot token that is in use
    /// already.
    async fn check_change(&self, a: &Assistant, change: Change, deploy: Deploy) -> Result<Change, Error> {
        let mut update = change.update.unwrap_or_default();
        let catalog = self.catalog().await?;
        let invalid = |issues| Error::InvalidInput { message: INVALID, issues };
        let choice = choice::of_update(&catalog, a.mode, &a.config, &update).map_err(invalid)?;
        let kept = self.store().read().await?.secrets(a.id).await?;
        if let Some(token) = &update.telegram_bot_token {
            let fingerprint = bot_fingerprint(token);
            let mut tx = self.store().read().await?;
            if tx.bot_is_taken(&fingerprint, a.id, Some(a.user_id)).await? {
                return Err(bot_in_use());
            }
            update.telegram_bot_token.take_if(|_| kept.bot_fingerprint.as_ref() == Some(&fingerprint));
        }
        let config = Config { provider: choice.provider, model_id: choice.model_id, ..a.config.clone() };
        let takes_run = !is_same_model(&a.config, &config) || brings_secrets(&update);
        match (deploy, a.state.status()) {
            (Deploy::AsNeeded, Status::Active) if !takes_run => {}
            (Deploy::AsNeeded, status) => {
                refuse_unless_changeable(a)?;
                let silence = if status == Status::Active { Silence::Refused } else { Silence::Accepted };
                self.require_good(a, &kept, &update, silence).await?;
            }
            (Deploy::Never, Status::Active) if takes_run => {
                return Err(needs_deployment(a, &config, &update));
            }
            (Deploy::Never, _) => {}
        }
        if let (Some(token), Status::Failed) = (&update.telegram_bot_token, a.state.status()) {
            self.release_old_bot(a, token).await?;
        }
        Ok(Change { update: Some(update), callback: change.callback })
    }

    async fn commit_change(
        &self,
        caller: &Caller,
        found: &Assistant,
        change: Change,
        deploy: Deploy,
    ) -> Result<AssistantRecord, Error> {
        let mut work = self.work().await?;
        let mut before = self.owned_locked(&mut work.tx, caller, found.id).await?;
        // The checks were made for the status they saw, and another request has changed it since.
        if before.state.status() != found.state.status() {
            let current = before.state.status();
            return Err(Error::InvalidState { message: NOT_CHANGEABLE, current, allowed: &[] });
        }
        let update = change.update.unwrap_or_default();
        let takes_secrets = brings_secrets(&update);
        let (mut config, new) = self.updated(&mut work, &before, update).await?;
        match change.callback {
            CallbackChange::Keep => {}
            CallbackChange::Replace(url) => config.callback_url = Some(url),
            CallbackChange::Clear => config.callback_url = None,
        }
        let runs = before.state.status() == Status::Active;
        let takes_run = takes_secrets || !is_same_model(&before.config, &config);
        let mut after = before.clone();
        if deploy == Deploy::AsNeeded && (takes_run || !runs) {
            let deadline = work.now.plus(self.config().deploy_timeout);
            after.apply(Event::Redeploy { deadline }).map_err(|no| Error::not_now(no, NOT_CHANGEABLE))?;
        } else if !runs {
            after.apply(Event::Patch).map_err(|no| Error::not_now(no, NOT_EDITABLE))?;
        } else if takes_run {
            // Another request has changed the model since the checks, so that this change needs a run after all.
            return Err(Error::InvalidState {
                message: NOT_EDITABLE,
                current: before.state.status(),
                allowed: &[],
            });
        }
        work.record_edit(&mut before, &config, &new).await?;
        after = Assistant { config, sequence: before.sequence, version: before.version, ..after };
        if after != before {
            after = work.save(&before, after).await?;
        }
        self.replace_secrets(&mut work, &before, &after, &new).await?;
        work.commit().await?;
        Ok(after.record())
    }

    /// Writes the new secrets. If a running assistant is deployed with them, the replaced values are stored until that
    /// deployment has succeeded.
    async fn replace_secrets(
        &self,
        work: &mut Work<'_>,
        before: &Assistant,
        after: &Assistant,
        new: &Secrets,
    ) -> Result<(), Error> {
        let is_deployed = after.state.status() == Status::Deploying;
        if is_deployed && before.state.is_running() {
            let kept = work.tx.secrets(before.id).await?;
            work.keep_replaced(before, kept, new).await?;
        } else {
            work.drop_fallback(after).await?;
        }
        work.tx.set_secrets(after.id, new).await?;
        if is_deployed {
            self.start_run(work, after).await?;
        }
        Ok(())
    }
}

fn is_same_model(before: &Config, after: &Config) -> bool {
    (before.provider, &before.model_id) == (after.provider, &after.model_id)
}

const fn brings_secrets(update: &UpdateInput) -> bool {
    update.telegram_bot_token.is_some() || update.model_api_key.is_some()
}

/// Fails as a redeployment would.
fn refuse_unless_changeable(a: &Assistant) -> Result<(), Error> {
    if refusal_of(&a.record(), Action::Change).is_none() {
        return Ok(());
    }
    let (payment, from) = (a.payment.status, a.state.status());
    let redeploy = Event::Redeploy { deadline: a.updated_at };
    let (event, allowed) = (redeploy.name(), redeploy.allowed());
    let refusal = if payment.entitles() {
        NotNow::State(InvalidTransition { from, event, allowed })
    } else {
        NotNow::Unpaid { payment, from, allowed }
    };
    Err(Error::not_now(refusal, NOT_CHANGEABLE))
}

/// The error for fields of a running assistant that need a deployment.
fn needs_deployment(a: &Assistant, config: &Config, update: &UpdateInput) -> Error {
    let fields = [
        ("modelId", !is_same_model(&a.config, config)),
        ("modelApiKey", update.model_api_key.is_some()),
        ("telegramBotToken", update.telegram_bot_token.is_some()),
    ];
    let issue = |path| Issue::new(path, "needs_deployment", "This change needs a restart: save and restart.");
    Error::InvalidRequest(
        fields.into_iter().filter(|(_, is_new)| *is_new).map(|(path, _)| issue(path)).collect(),
    )
}

pub(super) fn bot_in_use() -> Error {
    let issue = Issue::new(
        "telegramBotToken",
        "in_use",
        "Another of your assistants uses this bot. Stop that assistant first.",
    );
    Error::InvalidInput { message: "Another of your assistants uses this bot.", issues: vec![issue] }
}
