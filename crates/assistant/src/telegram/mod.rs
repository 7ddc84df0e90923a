//! Telegram's Bot API: what is asked, and how its answers are read. (Shapes: core.telegram.org/bots/api; error codes:
//! the Bot API server's own source, `Client.cpp`.)

mod reply;
mod update;

use std::fmt;

use serde_json::{Value, json};

pub use reply::{BotUser, File, PhotoSize, Photos, Refusal, TelegramError, WebhookInfo, read_reply};
pub use update::{BadUpdate, Chat, Entity, Message, Update, User, parse_update};

use crate::host::{HttpRequest, Method};

/// The kinds of updates an assistant asks for.
pub const ALLOWED_UPDATES: [&str; 1] = ["message"];

/// How long a call may take, in milliseconds; long polling takes its own time on top.
const TIMEOUT_MS: u64 = 15_000;

/// The typing sign lasts 5 s: one that takes that long is worth nothing.
const TYPING_TIMEOUT_MS: u64 = 5_000;

/// One bot at one Bot API server. Each method makes a request; [`read_reply`] reads what comes back.
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

/// A message on its way out.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingMessage<'a> {
    /// The chat.
    pub chat_id: i64,
    /// The topic of a forum.
    pub thread_id: Option<i64>,
    /// The message that is answered; if it has been deleted meanwhile, the answer is sent all the same.
    pub reply_to: Option<i64>,
    /// 1–4096 UTF-16 units after parsing.
    pub text: &'a str,
    /// Whether `text` is HTML.
    pub html: bool,
}

impl<'a> Bot<'a> {
    /// The bot with this token at `api_url` (no trailing slash).
    pub fn new(api_url: &'a str, token: &'a str) -> Self {
        Self { api_url, token }
    }

    fn call(self, method: &str, body: &Value, timeout_ms: u64) -> HttpRequest {
        let url = format!("{}/bot{}/{method}", self.api_url, self.token);
        HttpRequest::post_json("telegram", url, body, timeout_ms)
    }

    /// `getMe`: whose token it is. Answers [`BotUser`]; free of side effects, so it is the check of a token.
    pub fn get_me(self) -> HttpRequest {
        self.call("getMe", &json!({}), TIMEOUT_MS)
    }

    /// `setWebhook`: updates go to `url`, with `secret_token` (1–256 of `A-Za-z0-9_-`) in
    /// `X-Telegram-Bot-Api-Secret-Token`. Waiting updates are kept. Answers `bool`.
    pub fn set_webhook(self, url: &str, secret_token: &str) -> HttpRequest {
        let body = json!({
            "url": url,
            "secret_token": secret_token,
            "allowed_updates": ALLOWED_UPDATES,
            "drop_pending_updates": false,
        });
        self.call("setWebhook", &body, TIMEOUT_MS)
    }

    /// `deleteWebhook`: updates are kept for `getUpdates`, or dropped. Answers `bool`, also when there was none.
    pub fn delete_webhook(self, drop_pending_updates: bool) -> HttpRequest {
        self.call("deleteWebhook", &json!({"drop_pending_updates": drop_pending_updates}), TIMEOUT_MS)
    }

    /// `getWebhookInfo`. Answers [`WebhookInfo`].
    pub fn get_webhook_info(self) -> HttpRequest {
        self.call("getWebhookInfo", &json!({}), TIMEOUT_MS)
    }

    /// `getUpdates`: at most 100 updates from `offset` on (the last `update_id` seen plus one, which confirms all
    /// before it), waiting up to `wait_s` seconds for the first. Answers `Vec<Update>`.
    pub fn get_updates(self, offset: Option<i64>, wait_s: u64) -> HttpRequest {
        let mut body = json!({"timeout": wait_s, "limit": 100, "allowed_updates": ALLOWED_UPDATES});
        set(&mut body, "offset", offset);
        let request = self.call("getUpdates", &body, TIMEOUT_MS + wait_s * 1000);
        // It waits on purpose: its times are apart from those of the other calls.
        HttpRequest { vendor: "telegram_polling", ..request }
    }

    /// `sendMessage`, without link previews. Answers the message, which nobody needs: read it as
    /// `serde::de::IgnoredAny`.
    pub fn send_message(self, message: &OutgoingMessage<'_>) -> HttpRequest {
        let mut body = json!({
            "chat_id": message.chat_id,
            "text": message.text,
            "link_preview_options": {"is_disabled": true},
        });
        set(&mut body, "message_thread_id", message.thread_id);
        set(&mut body, "parse_mode", message.html.then_some("HTML"));
        let reply = |id| json!({"message_id": id, "allow_sending_without_reply": true});
        set(&mut body, "reply_parameters", message.reply_to.map(reply));
        self.call("sendMessage", &body, TIMEOUT_MS)
    }

    /// Whether a request is [`Self::send_message`]'s, which people see twice when it is sent twice.
    pub fn is_message(request: &HttpRequest) -> bool {
        request.vendor == "telegram" && request.url.ends_with("/sendMessage")
    }

    /// `sendChatAction` with `typing`: shown for some 5 seconds or until the next message. Answers `bool`.
    pub fn send_typing(self, chat_id: i64, thread_id: Option<i64>) -> HttpRequest {
        let mut body = json!({"chat_id": chat_id, "action": "typing"});
        set(&mut body, "message_thread_id", thread_id);
        self.call("sendChatAction", &body, TYPING_TIMEOUT_MS)
    }

    /// `getUserProfilePhotos` of the newest picture of one user, such as the bot itself. Answers [`Photos`].
    pub fn get_profile_photos(self, user_id: i64) -> HttpRequest {
        self.call("getUserProfilePhotos", &json!({"user_id": user_id, "limit": 1}), TIMEOUT_MS)
    }

    /// `getFile`: where a file can be had for an hour. Answers [`File`].
    pub fn get_file(self, file_id: &str) -> HttpRequest {
        self.call("getFile", &json!({"file_id": file_id}), TIMEOUT_MS)
    }

    /// Downloads a file of at most `bytes_max` from where [`Self::get_file`] says it is. The answer's body is the file.
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

    /// `setMyCommands`: the bot's menu, as (command without slash, description). Answers `bool`.
    pub fn set_my_commands(self, commands: &[(&str, &str)]) -> HttpRequest {
        let commands: Vec<_> = commands
            .iter()
            .map(|(command, description)| json!({"command": command, "description": description}))
            .collect();
        self.call("setMyCommands", &json!({"commands": commands}), TIMEOUT_MS)
    }
}

fn set(body: &mut Value, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body[key] = value.into();
    }
}
