//! Changing an assistant from the dashboard, running or not.
//!
//! On a running assistant, the name and the callback URL change at once. Another model, key or bot is checked with the vendors
//! first, while the old worker keeps answering; then the configuration and the run change in one transaction. If the run fails
//! all the same, the change is undone: see `undo.rs`.

use reef_domain::actions::{Action, disabled_reason};
use reef_domain::assistant::{ActionRejected, Config};
use reef_domain::input::{CallbackChange, Parsed, UpdateInput};
use reef_domain::model_choice;
use reef_domain::state::{Event, InvalidTransition};
use reef_domain::wire::{AssistantRecord, Scope, Status};
use reef_domain::{Assistant, Issue};
use reef_store::Secrets;
use tracing::Instrument as _;

use crate::assistants::preflight::NoAnswerPolicy;
use crate::assistants::secrets::bot_fingerprint;
use crate::assistants::update::{INVALID, NOT_EDITABLE};
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

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
    /// A running assistant is deployed only if the change needs it; any other is always deployed.
    AsNeeded,
    /// On a running assistant, a change that needs a deployment is refused.
    Never,
}

impl Services {
    /// Saves a change and applies it. A running assistant is deployed only if the change needs it; a failed or stopped
    /// one is always deployed. Everything that can be checked is checked before anything stops. The change completes
    /// even if the caller drops the future.
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
        self.apply_change(caller, id, change, Deploy::AsNeeded).await
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
        self.apply_change(caller, id, change, Deploy::Never).await
    }

    async fn apply_change(
        &self,
        caller: &Caller,
        id: &str,
        change: Parsed<Change>,
        deploy: Deploy,
    ) -> Result<AssistantRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let change = change.map_err(Error::InvalidRequest)?;
        let (services, caller) = (self.clone(), *caller);
        let task = async move {
            let change = services.check_change(&found, change, deploy).await?;
            services.commit_change(&caller, &found, change, deploy).await
        };
        // In a task of its own, because a closed page drops this future.
        tokio::spawn(task.in_current_span()).await.map_err(Error::internal)?
    }

    /// Refuses early what the transaction or a vendor would refuse. Returns the change without a bot token that is in use
    /// already.
    async fn check_change(&self, a: &Assistant, change: Change, deploy: Deploy) -> Result<Change, Error> {
        let mut update = change.update.unwrap_or_default();
        let catalog = self.catalog().await?;
        let invalid = |issues| Error::InvalidInput { message: INVALID, issues };
        let choice = model_choice::for_update(&catalog, a.mode, &a.config, &update).map_err(invalid)?;
        let stored = self.store().read().await?.get_secrets(a.id).await?;
        if let Some(token) = &update.telegram_bot_token {
            let fingerprint = bot_fingerprint(token);
            let mut tx = self.store().read().await?;
            if tx.is_bot_taken(&fingerprint, a.id, Some(a.user_id)).await? {
                return Err(bot_in_use_error());
            }
            update.telegram_bot_token.take_if(|_| stored.bot_token_hash.as_ref() == Some(&fingerprint));
        }
        let config = Config { provider: choice.provider, model_id: choice.model_id, ..a.config.clone() };
        let needs_run = !is_same_model(&a.config, &config) || has_new_secrets(&update);
        match (deploy, a.state.status()) {
            (Deploy::AsNeeded, Status::Active) if !needs_run => {}
            (Deploy::AsNeeded, status) => {
                require_changeable(a)?;
                let silence =
                    if status == Status::Active { NoAnswerPolicy::Refuse } else { NoAnswerPolicy::Accept };
                self.require_accepted_by_vendors(a, &stored, &update, silence).await?;
            }
            (Deploy::Never, Status::Active) if needs_run => {
                return Err(needs_deployment_error(a, &config, &update));
            }
            (Deploy::Never, _) => {}
        }
        if let (Some(token), Status::Failed) = (&update.telegram_bot_token, a.state.status()) {
            self.disconnect_old_bot(a, token).await?;
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
        let mut work = self.unit_of_work().await?;
        let before = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        // The checks were made for the status they saw, and another request has changed it since.
        if before.state.status() != found.state.status() {
            let current = before.state.status();
            return Err(Error::InvalidState { message: NOT_CHANGEABLE, current, allowed: &[] });
        }
        let update = change.update.unwrap_or_default();
        let has_secrets = has_new_secrets(&update);
        let (mut config, new) = self.resolve_update(&mut work, &before, update).await?;
        change.callback.apply(&mut config.callback_url);
        let is_running = before.state.status() == Status::Active;
        let needs_run = has_secrets || !is_same_model(&before.config, &config);
        let mut after = before.clone();
        if deploy == Deploy::AsNeeded && (needs_run || !is_running) {
            let deadline = work.now.plus(self.config().deploy_timeout);
            after
                .apply(Event::Redeploy { deadline })
                .map_err(|no| Error::action_rejected(no, NOT_CHANGEABLE))?;
            work.record_edit(&before, &config, &new).await?;
        } else if !is_running {
            after.apply(Event::Update).map_err(|no| Error::action_rejected(no, NOT_EDITABLE))?;
        } else if needs_run {
            // Another request has changed the model since the checks, so that this change needs a run after all.
            return Err(Error::InvalidState {
                message: NOT_EDITABLE,
                current: before.state.status(),
                allowed: &[],
            });
        }
        after.config = config;
        if after != before {
            after = work.save(&before, after).await?;
        }
        self.replace_secrets(&mut work, &before, &after, &new).await?;
        work.commit(None).await?;
        Ok(after.record())
    }

    /// Writes the new secrets. If a running assistant is deployed with them, the replaced values are stored until that
    /// deployment has succeeded.
    async fn replace_secrets(
        &self,
        work: &mut UnitOfWork<'_>,
        before: &Assistant,
        after: &Assistant,
        new: &Secrets,
    ) -> Result<(), Error> {
        let is_deployed = after.state.status() == Status::Deploying;
        if is_deployed && before.state.is_running() {
            let replaced = work.tx.get_secrets(before.id).await?;
            work.save_replaced(before, replaced, new).await?;
        } else {
            work.discard_fallback(after).await?;
        }
        work.tx.update_secrets(after.id, new).await?;
        if is_deployed {
            self.enqueue_run(work, after).await?;
        }
        Ok(())
    }
}

fn is_same_model(before: &Config, after: &Config) -> bool {
    (before.provider, &before.model_id) == (after.provider, &after.model_id)
}

const fn has_new_secrets(update: &UpdateInput) -> bool {
    update.telegram_bot_token.is_some() || update.model_api_key.is_some()
}

/// Fails as a redeployment would.
fn require_changeable(a: &Assistant) -> Result<(), Error> {
    if disabled_reason(&a.record(), Action::EditAndRedeploy).is_none() {
        return Ok(());
    }
    let (payment, from) = (a.payment.status, a.state.status());
    let redeploy = Event::Redeploy { deadline: a.updated_at };
    let (event, allowed) = (redeploy.name(), redeploy.allowed_statuses());
    let refusal = if payment.can_run() {
        ActionRejected::State(InvalidTransition { from, event, allowed })
    } else {
        ActionRejected::SubscriptionInactive { payment, from, allowed }
    };
    Err(Error::action_rejected(refusal, NOT_CHANGEABLE))
}

/// The error for fields of a running assistant that need a deployment.
fn needs_deployment_error(a: &Assistant, config: &Config, update: &UpdateInput) -> Error {
    let fields = [
        ("modelId", !is_same_model(&a.config, config)),
        ("modelApiKey", update.model_api_key.is_some()),
        ("telegramBotToken", update.telegram_bot_token.is_some()),
    ];
    let issue = |path| {
        Issue::new(
            path,
            "needs_deployment",
            "This change needs a restart. Reload the page and save it again.",
        )
    };
    Error::InvalidRequest(
        fields.into_iter().filter(|(_, is_new)| *is_new).map(|(path, _)| issue(path)).collect(),
    )
}

pub(super) fn bot_in_use_error() -> Error {
    let issue = Issue::new(
        "telegramBotToken",
        "in_use",
        "Another of your assistants uses this bot. Stop that assistant first.",
    );
    Error::InvalidInput { message: "Another of your assistants uses this bot.", issues: vec![issue] }
}
