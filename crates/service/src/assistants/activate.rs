//! Activating a paid assistant: by the API with a whole body, by the dashboard with secrets that may be stored already.

use reef_domain::actions::{Action, disabled_reason};
use reef_domain::input::{self, ActivateInput, Parsed, UpdateInput};
use reef_domain::model_choice;
use reef_domain::state::Event;
use reef_domain::wire::{ApiMode, AssistantRecord, Provider, Scope};
use reef_domain::{Assistant, Issue, callback_url, validation};
use reef_store::Secrets;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use crate::assistants::change::bot_in_use_error;
use crate::assistants::preflight::{CheckTarget, NoAnswerPolicy, REJECTED};
use crate::assistants::secrets::bot_fingerprint;
use crate::caller::Caller;
use crate::deployments::Deploy;
use crate::deployments::worker::worker_ref;
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

const INCONSISTENT: &str = "Some settings don't fit this assistant. See the issues in details.";
const NOT_PURCHASED: &str = "Only a paid assistant that hasn't been activated yet can be activated.";

const BOT_TOKEN: &str = "telegramBotToken";
const MODEL_PROVIDER: &str = "modelProvider";
const MODEL_ID: &str = "modelId";
const MODEL_KEY: &str = "modelApiKey";

/// Random worker names tried before the activation fails.
const NAME_ATTEMPTS: usize = 16;

impl Services {
    /// Configures a paid assistant and starts its first deployment. Ownership is checked before the body, so that a stranger
    /// learns nothing about either.
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
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let input = input.map_err(Error::InvalidRequest)?;
        let invalid = |issues| Error::InvalidInput { message: INCONSISTENT, issues };
        let catalog = self.catalog().await?;
        let choice = model_choice::for_activation(&catalog, found.mode, &input).map_err(invalid)?;

        let mut work = self.unit_of_work().await?;
        let before = self.lock_owned_assistant(&mut work.tx, caller, found.id).await?;
        self.require_unused_bot(&mut work, &before, &input.telegram_bot_token).await.map_err(|error| {
            match error {
                Error::InvalidInput { issues, .. } => invalid(issues),
                other => other,
            }
        })?;
        let mut after = before.clone();
        let event = Event::Activate {
            worker_name: self.unused_worker_name(&mut work).await?,
            deadline: work.now.plus(self.config().deploy_timeout),
        };
        after.apply(event).map_err(|refusal| Error::action_rejected(refusal, NOT_PURCHASED))?;
        after.config.name = Some(input.name);
        after.config.provider = choice.provider;
        after.config.model_id = choice.model_id;
        after.config.callback_url = input.callback_url;
        let secrets =
            self.seal_secrets(before.id, Some(&input.telegram_bot_token), choice.model_api_key.as_deref())?;
        let after = work.save(&before, after).await?;
        work.tx.update_secrets(after.id, &secrets).await?;
        self.enqueue_run(&mut work, &after).await?;
        let record = after.record();
        work.commit(Some(&record.clone().into())).await?;
        Ok(record)
    }

    /// As [`Self::activate`], for the dashboard's form. Secrets may be stored since they were tested: one that the body leaves
    /// out is the stored one, a model key only for the same provider. Everything that can be known to be wrong is reported at
    /// once: the fields, the shape of a typed bot token, and what the vendors refuse.
    ///
    /// # Errors
    /// As [`Self::activate`]; [`Error::InvalidInput`] also with what the vendors refuse, [`Error::RateLimited`].
    pub async fn activate_with_stored_secrets(
        &self,
        caller: &Caller,
        id: &str,
        mut body: Map<String, Value>,
    ) -> Result<AssistantRecord, Error> {
        let found = self.authorize_assistant(caller, Scope::Write, id).await?;
        let typed_token = body.get(BOT_TOKEN).and_then(Value::as_str);
        let malformed_token =
            typed_token.and_then(|token| validation::complete_bot_token(BOT_TOKEN, token).err());
        let secrets = self.store().read().await?.get_secrets(found.id).await?;
        let provider = found.config.provider.map(Provider::as_str);
        let is_same = body.get(MODEL_PROVIDER).and_then(Value::as_str) == provider;
        let key = match found.mode {
            ApiMode::Byok if is_same => self.open_model_key(found.id, &secrets)?,
            _ => None,
        };
        let stored = [(BOT_TOKEN, self.open_bot_token(found.id, &secrets)?), (MODEL_KEY, key)];
        for (field, secret) in stored {
            if let Some(secret) = secret
                && !body.contains_key(field)
            {
                body.insert(field.to_owned(), secret.expose_secret().into());
            }
        }
        let input = input::parse_activation(body.clone(), callback_url::validate);
        if disabled_reason(&found.record(), Action::Activate).is_none() {
            let malformed = input.as_ref().err().cloned().unwrap_or_default();
            self.check_activation(&found, &secrets, &body, malformed, malformed_token).await?;
        }
        self.activate(caller, id, input).await
    }

    /// Refuses a form with everything that is wrong with it. A field that is wrong on its own is not sent to a vendor; the
    /// others are checked all the same.
    async fn check_activation(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        body: &Map<String, Value>,
        malformed: Vec<Issue>,
        malformed_token: Option<Issue>,
    ) -> Result<(), Error> {
        let is_malformed = !malformed.is_empty();
        let mut issues = malformed;
        let catalog = self.catalog().await?;
        let string = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let model = ActivateInput {
            name: String::new(),
            model_provider: string(MODEL_PROVIDER),
            model_id: string(MODEL_ID).unwrap_or_default(),
            telegram_bot_token: String::new(),
            model_api_key: string(MODEL_KEY),
            callback_url: None,
        };
        let model_issues = model_choice::for_activation(&catalog, a.mode, &model).err().unwrap_or_default();
        for issue in malformed_token.into_iter().chain(model_issues) {
            if !issues.iter().any(|known| known.path == issue.path) {
                issues.push(issue);
            }
        }
        let is_valid = |fields: &[&str]| !issues.iter().any(|issue| fields.contains(&&*issue.path));
        let what = match (is_valid(&[BOT_TOKEN]), is_valid(&[MODEL_PROVIDER, MODEL_ID, MODEL_KEY])) {
            (true, true) => Some(CheckTarget::All),
            (true, false) => Some(CheckTarget::Bot),
            (false, true) => Some(CheckTarget::Model),
            (false, false) => None,
        };
        if let Some(what) = what {
            let is_byok = a.mode == ApiMode::Byok;
            let given = UpdateInput {
                model_provider: model.model_provider.filter(|_| is_byok),
                model_id: Some(model.model_id),
                telegram_bot_token: string(BOT_TOKEN),
                model_api_key: model.model_api_key.filter(|_| is_byok),
                ..UpdateInput::default()
            };
            match self.refused_by_vendors(a, secrets, &given, what, NoAnswerPolicy::Accept).await {
                Ok(refused) => issues.extend(refused),
                // Too many checks in a minute hide no mistake that needs none.
                Err(Error::RateLimited { .. }) if !issues.is_empty() => {}
                Err(error) => return Err(error),
            }
        }
        match (issues.is_empty(), is_malformed) {
            (true, _) => Ok(()),
            (false, true) => Err(Error::InvalidRequest(issues)),
            (false, false) => Err(Error::InvalidInput { message: REJECTED, issues }),
        }
    }

    /// A name has 32 random bits, so two assistants could get the same one by chance.
    async fn unused_worker_name(&self, work: &mut UnitOfWork<'_>) -> Result<String, Error> {
        for _ in 0..NAME_ATTEMPTS {
            let name = format!("openclaw-{}", self.random_hex::<4>());
            if !work.tx.is_worker_name_taken(&name).await? {
                return Ok(name);
            }
        }
        Err(Error::internal("no unused worker name was found"))
    }

    /// Fails when another assistant of the same owner that is not stopped uses this bot.
    pub(super) async fn require_unused_bot(
        &self,
        work: &mut UnitOfWork<'_>,
        a: &Assistant,
        token: &str,
    ) -> Result<(), Error> {
        // The lock serializes two assistants of one owner that are given the same bot at once: the second sees the first.
        work.tx.lock_user(a.user_id).await?;
        if work.tx.is_bot_taken(&bot_fingerprint(token), a.id, Some(a.user_id)).await? {
            return Err(bot_in_use_error());
        }
        Ok(())
    }

    /// Enqueues the job of the deployment run that the state waits for, if it waits for one.
    pub(crate) async fn enqueue_run(&self, work: &mut UnitOfWork<'_>, a: &Assistant) -> Result<(), Error> {
        let Some(run) = a.state.run() else { return Ok(()) };
        work.enqueue(Deploy(worker_ref(a, run))).await
    }
}
