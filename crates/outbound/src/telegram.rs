//! The calls to Telegram's Bot API that deployments and pages need.

use async_trait::async_trait;
use reef_domain::Timestamp;
use reef_ports::{BotIdentity, Picture, Telegram, TelegramError, WebhookState};
use reef_protocols::HttpRequest;
use reef_protocols::telegram::{
    Bot, BotUser, CallResult, File, Photos, TelegramError as BotError, WebhookInfo, read_response,
};
use secrecy::{ExposeSecret, SecretString};

use crate::http::Http;

/// The timeout of a call. It is short because a deployment retries calls until its own deadline.
const TIMEOUT_MS: u64 = 10_000;

/// The maximum size of a picture in bytes. Telegram's smallest size, 160 pixels wide, has about 10,000.
const PICTURE_BYTES_MAX: usize = 64 * 1024;

/// The client for a Bot API server.
#[derive(Clone, Debug)]
pub struct TelegramApi {
    http: Http,
    base_url: String,
}

impl TelegramApi {
    /// Creates a client. `base_url` has no trailing slash: `https://api.telegram.org`.
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

    async fn call<T: CallResult>(&self, request: HttpRequest) -> Result<T, TelegramError> {
        let request = HttpRequest { timeout_ms: TIMEOUT_MS, ..request };
        let answer =
            self.http.send(request).await.map_err(|error| TelegramError::Unavailable(error.to_string()))?;
        read_response(&answer).map_err(|error| match error {
            BotError::Unauthorized | BotError::NotFound => TelegramError::TokenRejected,
            BotError::Conflict => TelegramError::Conflict,
            BotError::RateLimited { retry_after_s } => TelegramError::RateLimited { seconds: retry_after_s },
            error => TelegramError::Unavailable(error.to_string()),
        })
    }
}

/// Whether a token can be part of a URL's path without changing it. Telegram's tokens consist of digits, a colon, and
/// letters, digits, `_` and `-`.
fn is_path_safe(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte))
}

/// Whether a path looks like Telegram's `photos/file_0.jpg` and cannot lead to another place on the server.
fn is_file_path(path: &str) -> bool {
    !path.contains("..") && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte))
}

/// Detects the media type of a picture by its first bytes. `None` for anything that must not be shown in a browser.
fn detect_media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[async_trait]
impl Telegram for TelegramApi {
    async fn get_me(&self, token: &SecretString) -> Result<BotIdentity, TelegramError> {
        let bot: BotUser = self.call(self.bot(token)?.get_me()).await?;
        Ok(BotIdentity { id: bot.id, username: bot.username, name: bot.first_name })
    }

    async fn picture(&self, token: &SecretString, bot_id: i64) -> Result<Option<Picture>, TelegramError> {
        let bot = self.bot(token)?;
        let photos: Photos = self.call(bot.get_profile_photos(bot_id)).await?;
        let Some(smallest) =
            photos.photos.first().and_then(|sizes| sizes.iter().min_by_key(|size| size.width))
        else {
            return Ok(None);
        };
        let file: File = self.call(bot.get_file(&smallest.file_id)).await?;
        let Some(path) = file.file_path.filter(|path| is_file_path(path)) else { return Ok(None) };
        let request = HttpRequest { timeout_ms: TIMEOUT_MS, ..bot.download(&path, PICTURE_BYTES_MAX) };
        let answer =
            self.http.send(request).await.map_err(|error| TelegramError::Unavailable(error.to_string()))?;
        let media_type = detect_media_type(&answer.body).filter(|_| answer.status == 200);
        Ok(media_type.map(|media_type| Picture { media_type, bytes: answer.body }))
    }

    async fn set_webhook(&self, token: &SecretString, url: &str, secret: &str) -> Result<(), TelegramError> {
        self.call::<bool>(self.bot(token)?.set_webhook(url, secret)).await.map(drop)
    }

    async fn get_webhook(&self, token: &SecretString) -> Result<WebhookState, TelegramError> {
        let info: WebhookInfo = self.call(self.bot(token)?.get_webhook_info()).await?;
        let in_ms = |seconds: i64| Timestamp::from_unix_ms(seconds.saturating_mul(1000));
        Ok(WebhookState {
            url: Some(info.url).filter(|url| !url.is_empty()),
            waiting: info.pending_update_count,
            failed_at: info.last_error_date.map(in_ms),
        })
    }

    async fn delete_webhook(&self, token: &SecretString) -> Result<(), TelegramError> {
        self.call::<bool>(self.bot(token)?.delete_webhook(false)).await.map(drop)
    }
}
