//! Checking a bot token and a model key with their vendors before anything is deployed. Nothing is changed or stored.

use std::time::Duration;

use data_encoding::BASE64;
use reef_domain::input::{Parsed, UpdateInput};
use reef_domain::wire::{ApiMode, Provider, Scope};
use reef_domain::{Assistant, Issue, State, model_choice};
use reef_store::Secrets;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use crate::assistants::secrets::bot_fingerprint;
use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;
use reef_ports::{BotIdentity, GreetError, ModelCheckError, TelegramError};

const INVALID: &str = "Some settings don't fit this assistant. See the issues in details.";
pub(super) const REJECTED: &str = "The bot or the model can't be used. See the issues in details.";
const NOT_PAID: &str = "Bots and models can be tested once the assistant is paid.";

/// How long Telegram may take to identify a token.
const BOT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long Telegram may take to return the picture, which is optional.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a provider may take to check a key.
const MODEL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the model may take to answer a greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(12);

/// What is checked. A value that the request leaves out is taken from the stored ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckTarget {
    /// Only the bot token is checked.
    Bot,
    /// The model together with its key.
    Model,
    /// Bot and model are checked at the same time.
    All,
}

/// The results of the checks that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// `None` when the bot was not checked.
    pub bot: Option<BotCheck>,
    /// `None` when the model was not checked.
    pub model: Option<ModelCheck>,
}

/// The result of checking a bot token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotCheck {
    /// No token was given and none is stored.
    Missing,
    /// Telegram accepts the token.
    Accepted {
        /// The bot that the token belongs to.
        bot: BotIdentity,
        /// The bot's picture as a `data:` URL, if it was asked for and the bot has one.
        picture: Option<String>,
    },
    /// Telegram accepts the token, but another assistant uses the bot.
    InUse {
        /// The bot that the token belongs to.
        bot: BotIdentity,
    },
    /// Telegram does not know the token.
    Rejected,
    /// Telegram did not answer in time.
    NoAnswer,
}

/// The result of checking a model with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelCheck {
    /// No model or no key was given, and none is stored.
    Missing,
    /// The model is available to managed assistants, whose key Reef creates.
    Managed,
    /// The provider accepts the key for the model.
    Accepted {
        /// What the model said, if it was asked and answered in time.
        answer: Option<String>,
    },
    /// The provider refuses the key.
    KeyRejected,
    /// The provider does not offer the model to this key.
    Unavailable,
    /// The key is accepted, but its account has no credit.
    OutOfCredit,
    /// The provider did not answer in time.
    NoAnswer,
}

/// What it means when a vendor does not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswerPolicy {
    /// It is no problem, because the deployment checks again.
    Accept,
    /// It is a problem, because a running assistant would be stopped for a deployment that gets no answer either.
    Refuse,
}

impl BotCheck {
    /// Why this bot cannot be deployed and what to do, for the page; `None` when it can be.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        Some(match self {
            Self::Accepted { .. } => return None,
            Self::Missing => "Add a bot token. @BotFather on Telegram gives you one.".to_owned(),
            Self::InUse { bot } => format!(
                "Another assistant is using @{}. Stop that assistant, or create a new bot with @BotFather.",
                bot.username
            ),
            Self::Rejected => {
                "Telegram rejected this token. Copy it again from @BotFather, or send /token for a new one."
                    .to_owned()
            }
            Self::NoAnswer => "Telegram didn't answer in time. Try again in a moment.".to_owned(),
        })
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "good",
            Self::Missing => "required",
            Self::InUse { .. } => "in_use",
            Self::Rejected => "rejected",
            Self::NoAnswer => "no_answer",
        }
    }
}

impl ModelCheck {
    /// Why this model cannot be deployed and what to do, for the page; `None` when it can be.
    #[must_use]
    pub const fn problem(&self) -> Option<&'static str> {
        Some(match self {
            Self::Accepted { .. } | Self::Managed => return None,
            Self::Missing => "Choose a model and add an API key from its provider.",
            Self::KeyRejected => {
                "The provider rejected this key. Copy it again, or create a new one on the provider's site."
            }
            Self::Unavailable => "This key can't use this model. Choose another model or another key.",
            Self::OutOfCredit => "The key works, but the account has no credit. Add credit at the provider.",
            Self::NoAnswer => "The provider didn't answer in time. Try again in a moment.",
        })
    }

    /// The path and the code of the issue.
    const fn path_and_code(&self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted { .. } | Self::Managed => ("modelApiKey", "good"),
            Self::Missing => ("modelApiKey", "required"),
            Self::KeyRejected => ("modelApiKey", "rejected"),
            Self::Unavailable => ("modelId", "unavailable"),
            Self::OutOfCredit => ("modelApiKey", "no_credit"),
            Self::NoAnswer => ("modelApiKey", "no_answer"),
        }
    }
}

impl Preflight {
    fn issues(&self, no_answer: NoAnswerPolicy) -> Vec<Issue> {
        let is_ignored = |code: &str| no_answer == NoAnswerPolicy::Accept && code == "no_answer";
        let of_bot = self
            .bot
            .as_ref()
            .and_then(|bot| Some(Issue::new("telegramBotToken", bot.code(), bot.problem()?)));
        let of_model = self.model.as_ref().and_then(|model| {
            let (path, code) = model.path_and_code();
            Some(Issue::new(path, code, model.problem()?))
        });
        of_bot.into_iter().chain(of_model).filter(|issue| !is_ignored(&issue.code)).collect()
    }
}

impl Services {
    /// Fails when a vendor refuses what a deployment would check: the given values, else the stored ones. A new model or key
    /// also has to answer a greeting.
    pub(super) async fn require_accepted_by_vendors(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        no_answer: NoAnswerPolicy,
    ) -> Result<(), Error> {
        let issues = self.refused_by_vendors(a, secrets, input, CheckTarget::All, no_answer).await?;
        if issues.is_empty() { Ok(()) } else { Err(Error::InvalidInput { message: REJECTED, issues }) }
    }

    /// The issues that [`Self::require_accepted_by_vendors`] would fail with, for the part that is asked for.
    pub(super) async fn refused_by_vendors(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        target: CheckTarget,
        no_answer: NoAnswerPolicy,
    ) -> Result<Vec<Issue>, Error> {
        self.require_check_quota(a.user_id).await?;
        let bot = async {
            if target == CheckTarget::Model {
                return Ok(None);
            }
            self.check_bot_token(a, secrets, input.telegram_bot_token.clone(), false).await.map(Some)
        };
        let model = async {
            if target == CheckTarget::Bot {
                return Ok(None);
            }
            let is_new = input.model_api_key.is_some() || input.model_id.is_some();
            self.check_model_key(a, secrets, input, is_new).await.map(Some)
        };
        let (bot, model) = tokio::join!(bot, model);
        Ok(Preflight { bot: bot?, model: model? }.issues(no_answer))
    }

    /// Checks the given values, else the stored ones, with both vendors at the same time, for at most 20 s.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidInput`],
    /// [`Error::InvalidState`] before it is paid, [`Error::RateLimited`].
    #[tracing::instrument(name = "preflight", skip_all)]
    pub async fn preflight(
        &self,
        caller: &Caller,
        id: &str,
        input: Parsed<UpdateInput>,
        target: CheckTarget,
    ) -> Result<Preflight, Error> {
        let assistant = self.authorize_assistant(caller, Scope::Write, id).await?;
        let input = input.map_err(Error::InvalidRequest)?;
        if assistant.state == State::PendingPayment {
            let current = assistant.state.status();
            return Err(Error::InvalidState { message: NOT_PAID, current, allowed: &[] });
        }
        self.require_check_quota(caller.user_id).await?;
        let secrets = self.store().read().await?.get_secrets(assistant.id).await?;
        let bot = async {
            if target == CheckTarget::Model {
                return Ok(None);
            }
            self.check_bot_token(&assistant, &secrets, input.telegram_bot_token.clone(), true).await.map(Some)
        };
        let model = async {
            if target == CheckTarget::Bot {
                return Ok(None);
            }
            self.check_model_key(&assistant, &secrets, &input, true).await.map(Some)
        };
        let (bot, model) = tokio::join!(bot, model);
        Ok(Preflight { bot: bot?, model: model? })
    }

    async fn check_bot_token(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        given: Option<String>,
        with_picture: bool,
    ) -> Result<BotCheck, Error> {
        let token = match given {
            Some(token) => SecretString::from(token),
            None => match self.open_bot_token(a.id, secrets)? {
                Some(token) => token,
                None => return Ok(BotCheck::Missing),
            },
        };
        let telegram = &self.ports().telegram;
        let bot = match timeout(BOT_TIMEOUT, telegram.get_me(&token)).await {
            Ok(Ok(bot)) => bot,
            Ok(Err(TelegramError::TokenRejected)) => return Ok(BotCheck::Rejected),
            Ok(Err(_)) | Err(_) => return Ok(BotCheck::NoAnswer),
        };
        let fingerprint = bot_fingerprint(token.expose_secret());
        let mut tx = self.store().read().await?;
        let is_taken = tx.is_bot_taken(&fingerprint, a.id, Some(a.user_id)).await?
            || tx.is_bot_running_elsewhere(&fingerprint, a.id).await?;
        drop(tx);
        if is_taken {
            return Ok(BotCheck::InUse { bot });
        }
        if !with_picture {
            return Ok(BotCheck::Accepted { bot, picture: None });
        }
        let picture = timeout(PICTURE_TIMEOUT, telegram.picture(&token, bot.id)).await;
        let picture = picture.ok().and_then(Result::ok).flatten();
        let picture = picture
            .map(|picture| format!("data:{};base64,{}", picture.media_type, BASE64.encode(&picture.bytes)));
        Ok(BotCheck::Accepted { bot, picture })
    }

    async fn check_model_key(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        must_answer: bool,
    ) -> Result<ModelCheck, Error> {
        let catalog = self.catalog().await?;
        let choice = model_choice::for_update(&catalog, a.mode, &a.config, input)
            .map_err(|issues| Error::InvalidInput { message: INVALID, issues })?;
        let (Some(provider), Some(model)) = (choice.provider, choice.model_id) else {
            return Ok(ModelCheck::Missing);
        };
        if a.mode == ApiMode::Managed {
            return Ok(ModelCheck::Managed);
        }
        let stored = || self.open_model_key(a.id, secrets);
        let key = choice.model_api_key.map(SecretString::from).map_or_else(stored, |key| Ok(Some(key)))?;
        let Some(key) = key else { return Ok(ModelCheck::Missing) };
        Ok(self.check_model_answer(provider, &model, &key, must_answer).await)
    }

    /// Makes the check of a deployment, then greets the model if it has to answer.
    async fn check_model_answer(
        &self,
        provider: Provider,
        model: &str,
        key: &SecretString,
        must_answer: bool,
    ) -> ModelCheck {
        let models = &self.ports().models;
        match timeout(MODEL_TIMEOUT, models.check(provider, model, key)).await {
            Ok(Ok(())) => {}
            Ok(Err(ModelCheckError::KeyRejected)) => return ModelCheck::KeyRejected,
            Ok(Err(ModelCheckError::ModelUnavailable)) => return ModelCheck::Unavailable,
            Ok(Err(ModelCheckError::Unavailable(_))) | Err(_) => return ModelCheck::NoAnswer,
        }
        if !must_answer {
            return ModelCheck::Accepted { answer: None };
        }
        match timeout(GREETING_TIMEOUT, models.greet(provider, model, key)).await {
            Ok(Ok(answer)) => ModelCheck::Accepted { answer: Some(answer) },
            Ok(Err(GreetError::KeyRejected)) => ModelCheck::KeyRejected,
            Ok(Err(GreetError::ModelUnavailable)) => ModelCheck::Unavailable,
            Ok(Err(GreetError::OutOfCredit)) => ModelCheck::OutOfCredit,
            // The key was accepted, and a deployment does not need an answer of the model.
            Ok(Err(GreetError::NoAnswer(_))) | Err(_) => ModelCheck::Accepted { answer: None },
        }
    }
}
