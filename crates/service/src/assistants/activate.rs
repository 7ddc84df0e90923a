//! Activating a purchased slot.

use reef_domain::actions::{Action, refusal_of};
use reef_domain::choice;
use reef_domain::input::{self, ActivateInput, Parsed, UpdateInput};
use reef_domain::state::Event;
use reef_domain::wire::{ApiMode, AssistantRecord, Provider, Scope};
use reef_domain::{Assistant, callback_url};
use reef_store::Secrets;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::change::bot_in_use;
use super::preflight::Silence;
use super::secrets::bot_fingerprint;
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::Done;
use crate::jobs::Job;
use crate::services::Services;
use crate::work::Work;

const INCONSISTENT: &str = "Activation payload is inconsistent with deployment mode";
const NOT_PURCHASED: &str = "Deployment must be in purchased prebuy state to activate";

/// Worker names tried before it is given up.
const NAME_TRIES: usize = 16;

impl Services {
    /// Configures a purchased slot and starts its first deployment. The body's own issues are told only to
    /// whom the slot belongs.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidInput`] and
    /// [`Error::InvalidState`], in this order.
    #[tracing::instrument(name = "activate", skip_all)]
    pub async fn activate(
        &self,
        caller: &Caller,
        id: &str,
        input: Parsed<ActivateInput>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.find(caller, Scope::Write, id).await?;
        let input = input.map_err(Error::InvalidRequest)?;
        let invalid = |issues| Error::InvalidInput { message: INCONSISTENT, issues };
        let catalog = self.catalog().await?;
        let choice = choice::of_activation(&catalog, found.mode, &input).map_err(invalid)?;

        let mut work = self.work().await?;
        let before = self.owned_locked(&mut work.tx, caller, found.id).await?;
        self.free_bot(&mut work, &before, &input.telegram_bot_token).await.map_err(|error| match error {
            Error::InvalidInput { issues, .. } => invalid(issues),
            other => other,
        })?;
        let mut after = before.clone();
        let event = Event::Activate {
            worker_name: self.free_worker_name(&mut work).await?,
            deadline: work.now.plus(self.config().deploy_timeout),
        };
        after.apply(event).map_err(|refusal| Error::not_now(refusal, NOT_PURCHASED))?;
        after.config.name = Some(input.name);
        after.config.provider = choice.provider;
        after.config.model_id = choice.model_id;
        after.config.callback_url = input.callback_url;
        let secrets =
            self.seal_secrets(before.id, Some(&input.telegram_bot_token), choice.model_api_key.as_deref())?;
        let after = work.save(&before, after).await?;
        work.tx.set_secrets(after.id, &secrets).await?;
        self.start_run(&mut work, &after).await?;
        work.done(Done::Record(&after.record())).await?;
        work.commit().await?;
        Ok(after.record())
    }

    /// As [`Self::activate`], for people. Their secrets may be kept since they were checked: a secret that the body leaves
    /// out is the kept one; a model key only when it is for the same provider. What the vendors refuse is not deployed.
    ///
    /// # Errors
    /// As [`Self::activate`]; [`Error::InvalidInput`] also with what was found wrong, [`Error::RateLimited`].
    pub async fn activate_with_kept(
        &self,
        caller: &Caller,
        id: &str,
        mut body: Map<String, Value>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.find(caller, Scope::Write, id).await?;
        let secrets = self.store().read().await?.secrets(found.id).await?;
        let provider = found.config.provider.map(Provider::as_str);
        let is_same = body.get("modelProvider").and_then(Value::as_str) == provider;
        let key = match found.mode {
            ApiMode::Byok if is_same => self.open_model_key(found.id, &secrets)?,
            _ => None,
        };
        let kept = [("telegramBotToken", self.open_bot_token(found.id, &secrets)?), ("modelApiKey", key)];
        for (field, secret) in kept {
            if let Some(secret) = secret
                && !body.contains_key(field)
            {
                body.insert(field.to_owned(), secret.expose_secret().into());
            }
        }
        let input = input::activate(body, callback_url::check);
        if let Ok(input) = &input {
            self.check_activation(&found, &secrets, input).await?;
        }
        self.activate(caller, id, input).await
    }

    /// Refuses what the vendors refuse, where the activation would not be refused anyway.
    async fn check_activation(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &ActivateInput,
    ) -> Result<(), Error> {
        let catalog = self.catalog().await?;
        let is_refused = refusal_of(&a.record(), Action::Activate).is_some();
        if is_refused || choice::of_activation(&catalog, a.mode, input).is_err() {
            return Ok(());
        }
        let is_byok = a.mode == ApiMode::Byok;
        let tried = UpdateInput {
            model_provider: input.model_provider.clone().filter(|_| is_byok),
            model_id: Some(input.model_id.clone()),
            telegram_bot_token: Some(input.telegram_bot_token.clone()),
            model_api_key: input.model_api_key.clone().filter(|_| is_byok),
            ..UpdateInput::default()
        };
        self.require_good(a, secrets, &tried, Silence::Accepted).await
    }

    /// A worker name that no assistant has: of its 32 bits two may be the same by chance.
    async fn free_worker_name(&self, work: &mut Work<'_>) -> Result<String, Error> {
        for _ in 0..NAME_TRIES {
            let name = format!("openclaw-{}", self.random_hex::<4>());
            if !work.tx.worker_name_is_taken(&name).await? {
                return Ok(name);
            }
        }
        Err(Error::internal("no free worker name was found"))
    }

    /// Passes when no other assistant of the owner that is not stopped uses this bot.
    pub(super) async fn free_bot(
        &self,
        work: &mut Work<'_>,
        a: &Assistant,
        token: &str,
    ) -> Result<(), Error> {
        // Of two assistants of one owner that take the same bot at once, the second has to see the first.
        work.tx.lock_user(a.user_id).await?;
        if work.tx.bot_is_taken(&bot_fingerprint(token), a.id, Some(a.user_id)).await? {
            return Err(bot_in_use());
        }
        Ok(())
    }

    /// Enqueues the deployment run that the state now waits for.
    pub(crate) async fn start_run(&self, work: &mut Work<'_>, a: &Assistant) -> Result<(), Error> {
        let Some(run) = a.state.run() else { return Ok(()) };
        let worker_name = run.worker_name.clone();
        work.enqueue(Job::Deploy { assistant_id: a.id, worker_name, generation: run.generation }).await
    }
}
