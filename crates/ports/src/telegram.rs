//! The part of Telegram's Bot API that deployments need.

use async_trait::async_trait;
use reef_domain::Timestamp;
use secrecy::SecretString;
use thiserror::Error;

/// Who a bot is, according to Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotIdentity {
    /// Telegram's id of the bot.
    pub id: i64,
    /// The bot's username, without the `@`.
    pub username: String,
    /// The bot's display name.
    pub name: String,
}

/// A small picture in a format that browsers show: JPEG, PNG or WebP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The media type, such as `image/png`.
    pub media_type: &'static str,
    /// The contents of the file.
    pub bytes: Vec<u8>,
}

/// Where Telegram sends a bot's updates, and how that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookState {
    /// The URL; `None` if the bot has no webhook.
    pub url: Option<String>,
    /// How many updates wait at Telegram.
    pub waiting: u64,
    /// When Telegram last failed to deliver an update, to the second.
    pub failed_at: Option<Timestamp>,
}

/// Why Telegram did not carry out a request.
#[derive(Debug, Error)]
pub enum TelegramError {
    /// Telegram does not know the token (401 or 404).
    #[error("telegram rejected the bot token")]
    TokenRejected,
    /// Another program receives the bot's updates (409).
    #[error("another program receives the bot's updates")]
    Conflict,
    /// Telegram limits the rate of requests.
    #[error("telegram rate limit exceeded, retry after {seconds} s")]
    RateLimited {
        /// How long to wait, in seconds.
        seconds: u64,
    },
    /// Telegram did not answer, or not as expected. Trying again may help.
    #[error("telegram unavailable: {0}")]
    Unavailable(String),
}

/// The Bot API of Telegram.
#[async_trait]
pub trait Telegram: Send + Sync {
    /// Gets the bot that a token belongs to.
    async fn get_me(&self, token: &SecretString) -> Result<BotIdentity, TelegramError>;

    /// Finds a bot's profile picture of about 64 KiB at most; `None` when it has none that can be shown.
    async fn picture(&self, token: &SecretString, bot_id: i64) -> Result<Option<Picture>, TelegramError>;

    /// Has Telegram send updates to `url`, each with `secret` in a header.
    async fn set_webhook(&self, token: &SecretString, url: &str, secret: &str) -> Result<(), TelegramError>;

    /// Gets where a bot's updates are sent. Telegram says how to wait in [`TelegramError::RateLimited`].
    async fn get_webhook(&self, token: &SecretString) -> Result<WebhookState, TelegramError>;

    /// Has Telegram keep updates instead of sending them.
    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError>;
}
