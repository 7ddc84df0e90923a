//! Bots, as far as deploying one needs them.

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;

/// Who a bot is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotIdentity {
    /// Telegram's id of it.
    pub id: i64,
    /// Its @name.
    pub username: String,
    /// Its display name.
    pub name: String,
}

/// A picture that browsers show: JPEG, PNG or WebP, small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its media type.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Telegram did not do it.
#[derive(Debug, Error)]
pub enum TelegramError {
    /// It does not know the token (401 or 404).
    #[error("telegram refused the bot token")]
    TokenRejected,
    /// Something else holds the bot (409).
    #[error("another consumer holds the bot")]
    Conflict,
    /// It asks to wait.
    #[error("telegram asks to wait {seconds} s")]
    RateLimited {
        /// How long.
        seconds: u64,
    },
    /// It did not answer, or not understandably; trying again may help.
    #[error("telegram unavailable: {0}")]
    Unavailable(String),
}

/// Telegram's side of a deployment.
#[async_trait]
pub trait Telegram: Send + Sync {
    /// Who the token belongs to.
    async fn get_me(&self, token: &SecretString) -> Result<BotIdentity, TelegramError>;

    /// A bot's profile picture, at most some 64 KiB; `None` when it has none that can be shown.
    async fn picture(&self, token: &SecretString, bot_id: i64) -> Result<Option<Picture>, TelegramError>;

    /// Has updates sent to `url`, each with `secret` in its header.
    async fn set_webhook(&self, token: &SecretString, url: &str, secret: &str) -> Result<(), TelegramError>;

    /// Has updates sent nowhere; waiting ones are kept.
    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError>;
}
