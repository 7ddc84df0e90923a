//! What an assistant is made of, as the deployment hands it over.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who answers for the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's Chat Completions API.
    OpenAi,
    /// Google's Gemini API.
    Google,
    /// OpenRouter, which speaks OpenAI's format.
    OpenRouter,
}

impl Provider {
    /// The provider as metrics and traces name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Google => "google",
            Self::OpenRouter => "openrouter",
        }
    }

    /// The provider's own address, as [`Settings::provider_url`] wants it: Anthropic's and Google's without their
    /// version, OpenAI's and OpenRouter's with it, as those vendors write their base URLs.
    pub fn default_url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Google => "https://generativelanguage.googleapis.com",
            Self::OpenRouter => "https://openrouter.ai/api/v1",
        }
    }
}

/// One assistant. It serialises with its secrets, for a host that encrypts it; its `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What it calls itself.
    pub name: String,
    /// Telegram's `<bot id>:<secret>`.
    pub bot_token: String,
    /// The bot's user name as `getMe` says it, without `@`. In groups it is how people call the bot.
    pub bot_username: String,
    /// The Bot API's base, without a trailing slash: `https://api.telegram.org`.
    pub telegram_url: String,
    /// Who answers for the model.
    pub provider: Provider,
    /// The provider's base without a trailing slash; [`Provider::default_url`] unless it is redirected.
    pub provider_url: String,
    /// The model as the provider names it.
    pub model_id: String,
    /// The key the provider is paid with.
    pub api_key: String,
    /// How the key's credit is renewed, when the key is the operator's; `None` when it is the owner's own.
    #[serde(default)]
    pub credit: Option<Renewal>,
}

/// When the credit of a managed assistant grows again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Renewal {
    /// With the period that begins then, in milliseconds since 1970.
    At(i64),
    /// With the next paid period; when that is, is not known.
    Sometime,
    /// Not any more: the subscription ends with its period.
    Never,
}

impl Settings {
    /// The bot's own Telegram id: the number before the token's colon. `None` if there is none.
    pub fn bot_id(&self) -> Option<i64> {
        self.bot_token.split_once(':')?.0.parse().ok()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("bot_id", &self.bot_id())
            .field("bot_username", &self.bot_username)
            .field("telegram_url", &self.telegram_url)
            .field("provider", &self.provider)
            .field("provider_url", &self.provider_url)
            .field("model_id", &self.model_id)
            .field("credit", &self.credit)
            .finish_non_exhaustive()
    }
}
