//! Trying a bot token and a model key before anything is deployed. Nothing is changed or kept.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reef_domain::input::{Parsed, UpdateInput};
use reef_domain::wire::{ApiMode, Provider, Scope};
use reef_domain::{Assistant, Issue, State, choice};
use reef_store::Secrets;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::secrets::bot_fingerprint;
use crate::caller::Caller;
use crate::error::Error;
use crate::ports::{BotIdentity, GreetError, ModelCheckError, TelegramError};
use crate::services::Services;

const INVALID: &str = "Model provider/model combination is invalid";
pub(super) const FOUND_WRONG: &str = "The bot or the model was found not to work";
const UNPAID: &str = "Bots and models can be tried once the slot is paid";

/// How long Telegram may take to say whose a token is.
const BOT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long it may take to give the picture, without which all is well.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a provider may take to look at a key.
const MODEL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long its model may take to say hello.
const GREETING_TIMEOUT: Duration = Duration::from_secs(12);

/// What is to be tried; what is not given is taken from what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The bot token.
    Bot,
    /// The model and its key.
    Model,
    /// Both.
    All,
}

/// What was found, each of what was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// Of the bot token.
    pub bot: Option<BotFinding>,
    /// Of the model and its key.
    pub model: Option<ModelFinding>,
}

/// What was found of a bot token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BotFinding {
    /// There is none.
    Missing,
    /// It opens this bot.
    Good {
        /// Whose it is.
        bot: BotIdentity,
        /// The bot's picture as a `data:` URL.
        picture: Option<String>,
    },
    /// It opens this bot, but another assistant holds it.
    InUse {
        /// Whose it is.
        bot: BotIdentity,
    },
    /// Telegram refuses it.
    Rejected,
    /// Telegram did not answer in time.
    NoAnswer,
}

/// What was found of a model and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFinding {
    /// A model or a key is missing.
    Missing,
    /// A managed assistant may use the model; Reef brings the key.
    Managed,
    /// The key opens the model.
    Good {
        /// What the model said, if it answered in time.
        answer: Option<String>,
    },
    /// The provider refuses the key.
    KeyRejected,
    /// The provider does not offer the model to this key.
    Unavailable,
    /// The key opens the model, but nothing is left to spend.
    OutOfCredit,
    /// The provider did not answer in time.
    NoAnswer,
}

/// What silence means, when a vendor does not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing: the deployment asks again.
    Accepted,
    /// A deployment would hear nothing either, and something runs that would be stopped for it.
    Refused,
}

impl BotFinding {
    /// What is in the way of a deployment, and the way out; `None` when nothing is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        Some(match self {
            Self::Good { .. } => return None,
            Self::Missing => {
                "There is no bot token yet: @BotFather in Telegram gives you one.".to_owned()
            }
            Self::InUse { bot } => format!(
                "It opens @{}, but another assistant answers there. Stop that one, or make a new bot with @BotFather.",
                bot.username
            ),
            Self::Rejected => {
                "Telegram refuses it. Copy the token from @BotFather again, or have it make a new one with /token."
                    .to_owned()
            }
            Self::NoAnswer => "Telegram did not answer in time. Check again in a moment.".to_owned(),
        })
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Good { .. } => "good",
            Self::Missing => "required",
            Self::InUse { .. } => "in_use",
            Self::Rejected => "rejected",
            Self::NoAnswer => "no_answer",
        }
    }
}

impl ModelFinding {
    /// What is in the way of a deployment, and the way out; `None` when nothing is.
    #[must_use]
    pub const fn problem(&self) -> Option<&'static str> {
        Some(match self {
            Self::Good { .. } | Self::Managed => return None,
            Self::Missing => "Choose a model and give a key of its provider.",
            Self::KeyRejected => {
                "The provider refuses the key. Copy it again, or make a new one on the provider's site."
            }
            Self::Unavailable => "The provider does not offer this model to this key. Choose another model.",
            Self::OutOfCredit => "The key is good, but nothing is left to spend. Top up at the provider.",
            Self::NoAnswer => "The provider did not answer in time. Check again in a moment.",
        })
    }

    /// The field to mend, and the issue's code.
    const fn about(&self) -> (&'static str, &'static str) {
        match self {
            Self::Good { .. } | Self::Managed => ("modelApiKey", "good"),
            Self::Missing => ("modelApiKey", "required"),
            Self::KeyRejected => ("modelApiKey", "rejected"),
            Self::Unavailable => ("modelId", "unavailable"),
            Self::OutOfCredit => ("modelApiKey", "no_credit"),
            Self::NoAnswer => ("modelApiKey", "no_answer"),
        }
    }
}

impl Preflight {
    /// What is wrong with which field.
    fn issues(&self, silence: Silence) -> Vec<Issue> {
        let is_passed_over = |code: &str| silence == Silence::Accepted && code == "no_answer";
        let of_bot = self
            .bot
            .as_ref()
            .and_then(|bot| Some(Issue::new("telegramBotToken", bot.code(), bot.problem()?)));
        let of_model = self.model.as_ref().and_then(|model| {
            let (path, code) = model.about();
            Some(Issue::new(path, code, model.problem()?))
        });
        of_bot.into_iter().chain(of_model).filter(|issue| !is_passed_over(&issue.code)).collect()
    }
}

impl Services {
    /// Passes when the vendors accept what is given, or else kept: what a deployment would check. A new model or key must also
    /// answer.
    pub(super) async fn require_good(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        silence: Silence,
    ) -> Result<(), Error> {
        let issues = self.refused_by_vendors(a, secrets, input, Try::All, silence).await?;
        if issues.is_empty() { Ok(()) } else { Err(Error::InvalidInput { message: FOUND_WRONG, issues }) }
    }

    /// What the vendors refuse of `what`, as [`Self::require_good`] judges it.
    pub(super) async fn refused_by_vendors(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        what: Try,
        silence: Silence,
    ) -> Result<Vec<Issue>, Error> {
        self.may_check(a.user_id).await?;
        let bot = async {
            if what == Try::Model {
                return Ok(None);
            }
            self.try_bot(a, secrets, input.telegram_bot_token.clone(), false).await.map(Some)
        };
        let model = async {
            if what == Try::Bot {
                return Ok(None);
            }
            let is_new = input.model_api_key.is_some() || input.model_id.is_some();
            self.try_model(a, secrets, input, is_new).await.map(Some)
        };
        let (bot, model) = tokio::join!(bot, model);
        Ok(Preflight { bot: bot?, model: model? }.issues(silence))
    }

    /// Tries what is given, else what is kept, with the vendors, at the same time and for seconds at most.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::InvalidInput`],
    /// [`Error::InvalidState`] for an unpaid slot, [`Error::RateLimited`].
    #[tracing::instrument(name = "preflight", skip_all)]
    pub async fn preflight(
        &self,
        caller: &Caller,
        id: &str,
        input: Parsed<UpdateInput>,
        what: Try,
    ) -> Result<Preflight, Error> {
        let assistant = self.find(caller, Scope::Write, id).await?;
        let input = input.map_err(Error::InvalidRequest)?;
        if assistant.state == State::PendingPayment {
            let current = assistant.state.status();
            return Err(Error::InvalidState { message: UNPAID, current, allowed: &[] });
        }
        self.may_check(caller.user_id).await?;
        let secrets = self.store().read().await?.secrets(assistant.id).await?;
        let bot = async {
            if what == Try::Model {
                return Ok(None);
            }
            self.try_bot(&assistant, &secrets, input.telegram_bot_token.clone(), true).await.map(Some)
        };
        let model = async {
            if what == Try::Bot {
                return Ok(None);
            }
            self.try_model(&assistant, &secrets, &input, true).await.map(Some)
        };
        let (bot, model) = tokio::join!(bot, model);
        Ok(Preflight { bot: bot?, model: model? })
    }

    async fn try_bot(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        given: Option<String>,
        with_picture: bool,
    ) -> Result<BotFinding, Error> {
        let token = match given {
            Some(token) => SecretString::from(token),
            None => match self.open_bot_token(a.id, secrets)? {
                Some(token) => token,
                None => return Ok(BotFinding::Missing),
            },
        };
        let telegram = &self.ports().telegram;
        let bot = match timeout(BOT_TIMEOUT, telegram.get_me(&token)).await {
            Ok(Ok(bot)) => bot,
            Ok(Err(TelegramError::TokenRejected)) => return Ok(BotFinding::Rejected),
            Ok(Err(_)) | Err(_) => return Ok(BotFinding::NoAnswer),
        };
        let fingerprint = bot_fingerprint(token.expose_secret());
        let mut tx = self.store().read().await?;
        let is_taken = tx.bot_is_taken(&fingerprint, a.id, Some(a.user_id)).await?
            || tx.bot_runs_elsewhere(&fingerprint, a.id).await?;
        drop(tx);
        if is_taken {
            return Ok(BotFinding::InUse { bot });
        }
        if !with_picture {
            return Ok(BotFinding::Good { bot, picture: None });
        }
        let picture = timeout(PICTURE_TIMEOUT, telegram.picture(&token, bot.id)).await;
        let picture = picture.ok().and_then(Result::ok).flatten();
        let picture = picture.map(|picture| {
            format!("data:{};base64,{}", picture.media_type, BASE64_STANDARD.encode(picture.bytes))
        });
        Ok(BotFinding::Good { bot, picture })
    }

    async fn try_model(
        &self,
        a: &Assistant,
        secrets: &Secrets,
        input: &UpdateInput,
        must_answer: bool,
    ) -> Result<ModelFinding, Error> {
        let catalog = self.catalog().await?;
        let choice = choice::of_update(&catalog, a.mode, &a.config, input)
            .map_err(|issues| Error::InvalidInput { message: INVALID, issues })?;
        let (Some(provider), Some(model)) = (choice.provider, choice.model_id) else {
            return Ok(ModelFinding::Missing);
        };
        if a.mode == ApiMode::Managed {
            return Ok(ModelFinding::Managed);
        }
        let kept = || self.open_model_key(a.id, secrets);
        let key = choice.model_api_key.map(SecretString::from).map_or_else(kept, |key| Ok(Some(key)))?;
        let Some(key) = key else { return Ok(ModelFinding::Missing) };
        Ok(self.ask_model(provider, &model, &key, must_answer).await)
    }

    /// The check that a deployment makes, then a word from the model.
    async fn ask_model(
        &self,
        provider: Provider,
        model: &str,
        key: &SecretString,
        must_answer: bool,
    ) -> ModelFinding {
        let models = &self.ports().models;
        match timeout(MODEL_TIMEOUT, models.check(provider, model, key)).await {
            Ok(Ok(())) => {}
            Ok(Err(ModelCheckError::KeyRejected)) => return ModelFinding::KeyRejected,
            Ok(Err(ModelCheckError::ModelUnavailable)) => return ModelFinding::Unavailable,
            Ok(Err(ModelCheckError::Unavailable(_))) | Err(_) => return ModelFinding::NoAnswer,
        }
        if !must_answer {
            return ModelFinding::Good { answer: None };
        }
        match timeout(GREETING_TIMEOUT, models.greet(provider, model, key)).await {
            Ok(Ok(answer)) => ModelFinding::Good { answer: Some(answer) },
            Ok(Err(GreetError::KeyRejected)) => ModelFinding::KeyRejected,
            Ok(Err(GreetError::ModelUnavailable)) => ModelFinding::Unavailable,
            Ok(Err(GreetError::OutOfCredit)) => ModelFinding::OutOfCredit,
            // The key is good: a slow or busy model is no obstacle.
            Ok(Err(GreetError::NoAnswer(_))) | Err(_) => ModelFinding::Good { answer: None },
        }
    }
}
