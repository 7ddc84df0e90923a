//! Reads the responses of the Bot API and classifies its errors.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::update::PolledUpdate;
use crate::http::HttpResponse;

/// The result of a call, which [`read_response`] reads. No other crate can add one, so that all formats are in this one.
pub trait CallResult: sealed::Format {}

impl<T: sealed::Format> CallResult for T {}

mod sealed {
    use super::{BotUser, DeserializeOwned, File, Photos, PolledUpdate, SentMessage, WebhookInfo};

    pub trait Format: DeserializeOwned {}

    impl Format for bool {}
    impl Format for BotUser {}
    impl Format for Photos {}
    impl Format for File {}
    impl Format for WebhookInfo {}
    impl Format for SentMessage {}
    impl Format for Vec<PolledUpdate> {}
}

/// A message that was sent or edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct SentMessage {
    /// The message's number in its chat. A response without it still means that the message was accepted.
    pub message_id: Option<i64>,
}

impl From<serde_json::Value> for SentMessage {
    fn from(message: serde_json::Value) -> Self {
        Self { message_id: message["message_id"].as_i64() }
    }
}

/// A bot as `getMe` returns it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BotUser {
    /// The bot's id, the number before the colon of its token.
    pub id: i64,
    /// The bot's display name.
    pub first_name: String,
    /// The bot's user name without `@`. Every bot has one.
    pub username: String,
}

/// A user's profile pictures, each in several sizes, the smallest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Photos {
    /// The pictures, newest first.
    pub photos: Vec<Vec<PhotoSize>>,
}

/// One size of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PhotoSize {
    /// The id for [`getFile`](super::Bot::get_file).
    pub file_id: String,
    /// The width in pixels.
    pub width: u32,
}

/// A file that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    /// The path of the file below the server's `/file/bot<token>/`.
    pub file_path: Option<String>,
}

/// The state of a bot's webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WebhookInfo {
    /// The URL that updates are sent to; empty if there is no webhook.
    pub url: String,
    /// The number of updates that are waiting to be delivered.
    pub pending_update_count: u64,
    /// When a delivery last failed, in Unix seconds.
    pub last_error_date: Option<i64>,
    /// Telegram's description of that failure. It is about the receiving server and contains no token.
    pub last_error_message: Option<String>,
}

/// Why a call to the Bot API failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TelegramError {
    /// The token is wrong or revoked (401).
    #[error("Telegram rejected the bot token")]
    Unauthorized,
    /// The token is malformed, or the method does not exist (404).
    #[error("Telegram does not know this bot")]
    NotFound,
    /// Another `setWebhook` or `getUpdates` is in progress, or `getUpdates` is called while a webhook is set (409).
    #[error("the bot is in use elsewhere")]
    Conflict,
    /// The bot has sent too many requests (429).
    #[error("Telegram's flood limit is reached; retry in {retry_after_s} s")]
    RateLimited {
        /// How long Telegram makes the bot wait, in seconds.
        retry_after_s: u64,
    },
    /// The group became a supergroup (400 with `migrate_to_chat_id`).
    #[error("the group has become a supergroup")]
    Migrated {
        /// The id of the supergroup.
        to_chat_id: i64,
    },
    /// Telegram rejected the request as invalid (400 and the like).
    #[error("Telegram rejected the request ({0:?})")]
    BadRequest(BadRequestReason),
    /// The bot was blocked or removed from the group (403), or the chat does not exist (400).
    #[error("the bot may not write to this chat")]
    Blocked,
    /// Telegram failed with this status of 500 or more.
    #[error("Telegram failed with status {0}")]
    Server(u16),
    /// The response does not have the format of the Bot API.
    #[error("the response is not from the Bot API")]
    Malformed,
}

/// Why Telegram rejected a request as invalid. Each reason but [`Self::Other`] can be avoided by changing the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRequestReason {
    /// The formatting of the text cannot be parsed.
    Formatting,
    /// The topic does not exist.
    ThreadNotFound,
    /// The message that is answered does not exist.
    ReplyNotFound,
    /// The text is too long.
    TooLong,
    /// The edited message has this content already.
    NotModified,
    /// The message does not exist anymore, or the bot may not edit it.
    NotEditable,
    /// The reason is none of the others.
    Other,
}

/// Descriptions of 400 responses that mean the bot may not write to the chat at all (github.com/tdlib/telegram-bot-api,
/// `Client.cpp`, and MTProto errors that it passes on).
const UNWRITABLE: [&str; 13] = [
    "chat not found",
    "chat_write_forbidden",
    "chat_restricted",
    "chat_send_plain_forbidden",
    "have no rights to send",
    "not enough rights to send",
    "need administrator rights",
    "bot is not a member",
    "bot was kicked",
    "chat was deactivated",
    "group is deactivated",
    "user is deactivated",
    "peer_id_invalid",
];

/// Descriptions of 400 responses that say what was wrong with the message.
const BAD_REQUESTS: [(&str, BadRequestReason); 18] = [
    ("can't parse entities", BadRequestReason::Formatting),
    ("can't parse messageentity", BadRequestReason::Formatting),
    ("wrong message entity", BadRequestReason::Formatting),
    ("entity begin", BadRequestReason::Formatting),
    ("entities_too_long", BadRequestReason::Formatting),
    ("message thread not found", BadRequestReason::ThreadNotFound),
    ("topic_deleted", BadRequestReason::ThreadNotFound),
    ("topic_id_invalid", BadRequestReason::ThreadNotFound),
    ("message to be replied not found", BadRequestReason::ReplyNotFound),
    ("message to reply not found", BadRequestReason::ReplyNotFound),
    ("replied message not found", BadRequestReason::ReplyNotFound),
    ("reply_message_id_invalid", BadRequestReason::ReplyNotFound),
    ("message is too long", BadRequestReason::TooLong),
    ("message_too_long", BadRequestReason::TooLong),
    ("message is not modified", BadRequestReason::NotModified),
    ("message to edit not found", BadRequestReason::NotEditable),
    ("message can't be edited", BadRequestReason::NotEditable),
    ("message_id_invalid", BadRequestReason::NotEditable),
];

fn classify_bad_request(description: &str) -> TelegramError {
    let description = description.to_lowercase();
    if UNWRITABLE.iter().any(|words| description.contains(words)) {
        return TelegramError::Blocked;
    }
    let known = BAD_REQUESTS.iter().find(|(words, _)| description.contains(words));
    TelegramError::BadRequest(known.map_or(BadRequestReason::Other, |(_, refusal)| *refusal))
}

#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    parameters: Option<Parameters>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// Reads the result of a call.
///
/// # Errors
/// [`TelegramError`] by the `error_code` of the body, or by the HTTP status if the body is not from the Bot API.
pub fn read_response<T: CallResult>(response: &HttpResponse) -> Result<T, TelegramError> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<T>>(&response.body) else {
        // A proxy in between sends its own error pages.
        return Err(match response.status {
            429 => TelegramError::RateLimited { retry_after_s: response.retry_after_s.unwrap_or(1) },
            status if status >= 500 => TelegramError::Server(status),
            _ => TelegramError::Malformed,
        });
    };
    if envelope.ok {
        return envelope.result.ok_or(TelegramError::Malformed);
    }
    let parameters = envelope.parameters.unwrap_or_default();
    let retry_after = parameters.retry_after.or(response.retry_after_s);
    if let Some(to_chat_id) = parameters.migrate_to_chat_id {
        return Err(TelegramError::Migrated { to_chat_id });
    }
    Err(match envelope.error_code.unwrap_or(response.status) {
        401 => TelegramError::Unauthorized,
        403 => TelegramError::Blocked,
        404 => TelegramError::NotFound,
        409 => TelegramError::Conflict,
        429 => TelegramError::RateLimited { retry_after_s: retry_after.unwrap_or(1) },
        status if status >= 500 => TelegramError::Server(status),
        _ => classify_bad_request(&envelope.description),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<bool, TelegramError> {
        read_response(&HttpResponse { status, retry_after_s: None, headers: Vec::new(), body: body.into() })
    }

    #[test]
    fn responses_are_classified() {
        let cases = [
            (
                401,
                r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
                TelegramError::Unauthorized,
            ),
            (404, r#"{"ok":false,"error_code":404,"description":"Not Found"}"#, TelegramError::NotFound),
            (
                409,
                r#"{"ok":false,"error_code":409,"description":"Conflict: terminated"}"#,
                TelegramError::Conflict,
            ),
            (
                403,
                r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#,
                TelegramError::Blocked,
            ),
            (
                429,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
                TelegramError::RateLimited { retry_after_s: 7 },
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: unclosed"}"#,
                TelegramError::BadRequest(BadRequestReason::Formatting),
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
                TelegramError::Blocked,
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: message thread not found"}"#,
                TelegramError::BadRequest(BadRequestReason::ThreadNotFound),
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: MESSAGE_TOO_LONG"}"#,
                TelegramError::BadRequest(BadRequestReason::TooLong),
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001}}"#,
                TelegramError::Migrated { to_chat_id: -1001 },
            ),
            (
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: message text is empty"}"#,
                TelegramError::BadRequest(BadRequestReason::Other),
            ),
            (
                500,
                r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#,
                TelegramError::Server(500),
            ),
            (502, "<html>bad gateway</html>", TelegramError::Server(502)),
            (200, "<html>captive portal</html>", TelegramError::Malformed),
            (200, r#"{"ok":true}"#, TelegramError::Malformed),
        ];
        for (status, body, error) in cases {
            assert_eq!(read(status, body), Err(error), "{body}");
        }
        assert_eq!(read(200, r#"{"ok":true,"result":true,"description":"Webhook was set"}"#), Ok(true));
    }
}
