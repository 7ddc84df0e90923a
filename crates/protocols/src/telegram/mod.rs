//! Builds requests to Telegram's Bot API and reads its responses and updates. The formats are those of
//! <https://core.telegram.org/bots/api>, the error codes those of the Bot API server's source, `Client.cpp`.

mod events;
mod interaction;
mod lenient;
mod media;
mod outgoing;
mod parties;
mod response;
mod update;

use std::fmt;

use serde_json::{Value, json};

pub use events::{CallbackQuery, MemberStatus, Membership, PressedMessage};
pub use media::{ForwardOrigin, Location, Media, Quote, Sticker};
pub use outgoing::{EntityKind, FormattedText, OutgoingMessage, TextEntity};
pub use parties::{Chat, User};
pub use response::{
    BadRequestReason, BotUser, CallResult, File, PhotoSize, Photos, SentMessage, TelegramError, WebhookInfo,
    read_response,
};

pub use update::{Entity, InvalidUpdate, Message, PolledUpdate, Update, parse_update};

use crate::http::{HttpRequest, Method};

/// The kinds of updates that an assistant subscribes to.
pub const ALLOWED_UPDATES: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];

/// The timeout of a call in milliseconds. Long polling adds its waiting time.
const TIMEOUT_MS: u64 = 15_000;

/// Telegram shows the typing indicator for 5 s, so a call that takes longer is useless.
const TYPING_TIMEOUT_MS: u64 = 5_000;

/// A bot at a Bot API server. Each method builds a request, whose response [`read_response`] reads.
#[derive(Clone, Copy)]
pub struct Bot<'a> {
    api_url: &'a str,
    token: &'a str,
}

impl fmt::Debug for Bot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

impl<'a> Bot<'a> {
    /// Creates a bot from its token and the base URL of the server, without a trailing slash.
    pub fn new(api_url: &'a str, token: &'a str) -> Self {
        Self { api_url, token }
    }

    fn call(self, method: &str, body: &Value, timeout_ms: u64) -> HttpRequest {
        let url = format!("{}/bot{}/{method}", self.api_url, self.token);
        HttpRequest::post_json("telegram", url, body, timeout_ms)
    }

    /// `getMe` returns the [`BotUser`] of the token. It has no side effects, so it is used to verify a token.
    pub fn get_me(self) -> HttpRequest {
        self.call("getMe", &json!({}), TIMEOUT_MS)
    }

    /// `setWebhook` has updates sent to `url`, with `secret_token` (1–256 characters of `A-Za-z0-9_-`) in the header
    /// `X-Telegram-Bot-Api-Secret-Token`. Pending updates are kept. Returns a `bool`.
    pub fn set_webhook(self, url: &str, secret_token: &str) -> HttpRequest {
        let body = json!({
            "url": url,
            "secret_token": secret_token,
            "allowed_updates": ALLOWED_UPDATES,
            "drop_pending_updates": false,
        });
        self.call("setWebhook", &body, TIMEOUT_MS)
    }

    /// `deleteWebhook` removes the webhook, and drops pending updates or keeps them for `getUpdates`. Returns a `bool`,
    /// even if there was no webhook.
    pub fn delete_webhook(self, drop_pending_updates: bool) -> HttpRequest {
        self.call("deleteWebhook", &json!({"drop_pending_updates": drop_pending_updates}), TIMEOUT_MS)
    }

    /// `getWebhookInfo` returns the [`WebhookInfo`] of the bot.
    pub fn get_webhook_info(self) -> HttpRequest {
        self.call("getWebhookInfo", &json!({}), TIMEOUT_MS)
    }

    /// `getUpdates` returns at most 100 updates from `offset` on as `Vec<PolledUpdate>`, and waits up to `wait_s` seconds for
    /// the first. `offset` is the last `update_id` seen plus one; it confirms all updates before it.
    pub fn get_updates(self, offset: Option<i64>, wait_s: u64) -> HttpRequest {
        let mut body = json!({"timeout": wait_s, "limit": 100, "allowed_updates": ALLOWED_UPDATES});
        set_field(&mut body, "offset", offset);
        let request = self.call("getUpdates", &body, TIMEOUT_MS + wait_s * 1000);
        // Long polling waits on purpose, so its durations are measured under a different name.
        HttpRequest { vendor: "telegram_polling", ..request }
    }

    /// Whether a request was built by [`Self::send_message`]. Such a request must not be repeated, because people would
    /// see the message twice.
    pub fn is_message(request: &HttpRequest) -> bool {
        request.vendor == "telegram" && request.url.ends_with("/sendMessage")
    }

    /// `sendChatAction` shows the typing indicator for about 5 seconds or until the next message. Returns a `bool`.
    pub fn send_typing(self, chat_id: i64, thread_id: Option<i64>) -> HttpRequest {
        let mut body = json!({"chat_id": chat_id, "action": "typing"});
        set_field(&mut body, "message_thread_id", thread_id);
        self.call("sendChatAction", &body, TYPING_TIMEOUT_MS)
    }

    /// `getUserProfilePhotos` returns the newest profile picture of a user or bot as [`Photos`].
    pub fn get_profile_photos(self, user_id: i64) -> HttpRequest {
        self.call("getUserProfilePhotos", &json!({"user_id": user_id, "limit": 1}), TIMEOUT_MS)
    }

    /// `getFile` returns the path of a file as [`File`]. The path is valid for an hour.
    pub fn get_file(self, file_id: &str) -> HttpRequest {
        self.call("getFile", &json!({"file_id": file_id}), TIMEOUT_MS)
    }

    /// Downloads a file of at most `bytes_max` bytes from a path that [`Self::get_file`] returned. The response's body
    /// is the file.
    pub fn download(self, file_path: &str, bytes_max: usize) -> HttpRequest {
        HttpRequest {
            vendor: "telegram",
            method: Method::Get,
            url: format!("{}/file/bot{}/{file_path}", self.api_url, self.token),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: TIMEOUT_MS,
            response_bytes_max: bytes_max,
        }
    }

    /// `setMyCommands` sets the bot's menu, given as (command without slash, description). Returns a `bool`.
    pub fn set_my_commands(self, commands: &[(&str, &str)]) -> HttpRequest {
        let commands: Vec<_> = commands
            .iter()
            .map(|(command, description)| json!({"command": command, "description": description}))
            .collect();
        self.call("setMyCommands", &json!({"commands": commands}), TIMEOUT_MS)
    }
}

fn set_field(body: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body[key] = value.into();
    }
}
