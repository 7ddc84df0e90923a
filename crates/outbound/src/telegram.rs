//! Telegram's Bot API, as far as a deployment needs it.

use async_trait::async_trait;
use reef_assistant::HttpRequest;
use reef_assistant::telegram::{Bot, BotUser, TelegramError as BotError, read_reply};
use reef_service::ports::{BotIdentity, Telegram, TelegramError};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::http::Http;

/// A deployment has its own deadline and tries again: better soon than long.
const TIMEOUT_MS: u64 = 10_000;

/// Telegram at one Bot API server.
#[derive(Clone, Debug)]
pub struct TelegramApi {
    http: Http,
    base_url: String,
}

impl TelegramApi {
    /// Telegram at `base_url` (no trailing slash: `https://api.telegram.org`).
    #[must_use]
    pub fn new(http: Http, base_url: String) -> Self {
        Self { http, base_url }
    }

    fn bot<'a>(&'a self, token: &'a SecretString) -> Result<Bot<'a>, TelegramError> {
        let token = token.expose_secret();
        if is_path_safe(token) {
            Ok(Bot::new(&self.base_url, token))
        } else {
            Err(TelegramError::TokenRejected)
        }
    }

    async fn call<T: DeserializeOwned>(&self, request: HttpRequest) -> Result<T, TelegramError> {
        let request = HttpRequest { timeout_ms: TIMEOUT_MS, ..request };
        let answer =
            self.http.send(request).await.map_err(|error| TelegramError::Unavailable(error.to_string()))?;
        read_reply(&answer).map_err(|error| match error {
            BotError::Unauthorized | BotError::NotFound => TelegramError::TokenRejected,
            BotError::Conflict => TelegramError::Conflict,
            BotError::RateLimited { retry_after_s } => TelegramError::RateLimited { seconds: retry_after_s },
            error => TelegramError::Unavailable(error.to_string()),
        })
    }
}

/// The token is part of the URL's path: one that would change the path is none of Telegram's, whose tokens are digits,
/// a colon, and letters, digits, `_` and `-`.
fn is_path_safe(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte))
}

#[async_trait]
impl Telegram for TelegramApi {
    async fn get_me(&self, token: &SecretString) -> Result<BotIdentity, TelegramError> {
        let bot: BotUser = self.call(self.bot(token)?.get_me()).await?;
        Ok(BotIdentity { id: bot.id, username: bot.username, name: bot.first_name })
    }

    async fn set_webhook(&self, token: &SecretString, url: &str, secret: &str) -> Result<(), TelegramError> {
        self.call::<bool>(self.bot(token)?.set_webhook(url, secret)).await.map(drop)
    }

    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError> {
        self.call::<bool>(self.bot(token)?.delete_webhook(false)).await.map(drop)
    }
}
