//! The settings of a worker, as a deployment passes them to its host.

use std::fmt;

use reef_domain::wire::Provider;
use reef_protocols::model::Model;
use serde::{Deserialize, Serialize};

/// The settings of one worker. They serialize with their secrets, so a host must seal what it stores; the `Debug`
/// output hides secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The name by which the assistant introduces itself.
    pub name: String,
    /// The bot token, Telegram's `<bot id>:<secret>`.
    pub bot_token: String,
    /// The bot's user name from `getMe`, without `@`. People use it to mention the bot in groups.
    pub bot_username: String,
    /// The base URL of the Bot API without a trailing slash, such as `https://api.telegram.org`.
    pub telegram_url: String,
    /// The provider of the model.
    pub provider: Provider,
    /// The provider's base URL without a trailing slash.
    pub provider_url: String,
    /// The provider's id of the model.
    pub model_id: String,
    /// The model key, which pays for the usage.
    pub api_key: String,
    /// When the credit of a managed key is renewed; `None` if the owner brings the key.
    #[serde(default)]
    pub credit: Option<CreditRenewal>,
}

/// When the credit of a managed assistant is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreditRenewal {
    /// The next billing period begins at this time, in milliseconds since 1970.
    At(i64),
    /// The next billing period begins at an unknown time.
    #[serde(rename = "sometime")]
    Unknown,
    /// There is no further billing period, because the subscription is canceled.
    Never,
}

impl Settings {
    /// The bot's Telegram id, the number before the colon of its token. `None` if the token has no such number.
    pub fn bot_id(&self) -> Option<i64> {
        self.bot_token.split_once(':')?.0.parse().ok()
    }

    pub(crate) fn model(&self) -> Model<'_> {
        Model {
            provider: self.provider,
            provider_url: &self.provider_url,
            id: &self.model_id,
            api_key: &self.api_key,
        }
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
