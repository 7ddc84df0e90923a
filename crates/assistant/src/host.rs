//! The [`Host`] trait, through which a turn reaches everything outside: HTTP, time, and durable storage for
//! conversations and replies.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::memory::{AlbumPart, MemoryChange, Reply, Turn};

/// `Send` on native targets, where a multi-threaded runtime moves futures between threads. On WebAssembly every type
/// implements it, because there is one thread and JavaScript values are not `Send`.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}
/// `Send` on native targets; on WebAssembly every type implements it.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` on native targets, for the same reason as [`MaybeSend`].
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}
/// `Sync` on native targets; on WebAssembly every type implements it.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// What a turn needs from the environment it runs in.
///
/// A host belongs to one bot. `update_id` and `chat_id` are unique only within that bot, so storage that several
/// assistants share must add the bot's id to its keys.
///
/// The host must not run two turns of one chat at the same time, and it must run a failed turn again later. A turn
/// never waits for Telegram, so that it does not hold a turn slot which other chats need.
pub trait Host: MaybeSync {
    /// Sends one request and reads the complete response. A response with an error status is `Ok`, too.
    ///
    /// # Errors
    /// [`HttpError`] if there is no complete response within the time and size that the request allows.
    fn send(&self, request: HttpRequest)
    -> impl Future<Output = Result<HttpResponse, HttpError>> + MaybeSend;

    /// Waits for at least `wait`.
    fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + MaybeSend;

    /// Returns the current time in milliseconds since 1970-01-01 UTC.
    fn now_unix_ms(&self) -> i64;

    /// Lists the newest turns of a chat's conversation, at most `limit`, oldest first.
    ///
    /// # Errors
    /// [`MemoryError`] if the conversation cannot be read.
    fn list_recent_turns(
        &self,
        chat_id: i64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Turn>, MemoryError>> + MaybeSend;

    /// Finds the reply that was saved for an update, including how many of its parts have been sent.
    ///
    /// # Errors
    /// [`MemoryError`] if the reply cannot be read.
    fn find_reply(
        &self,
        update_id: i64,
    ) -> impl Future<Output = Result<Option<Reply>, MemoryError>> + MaybeSend;

    /// Saves the reply to an update and applies `change` to the chat's conversation, in one durable transaction. Does
    /// nothing if the update already has a reply.
    ///
    /// # Errors
    /// [`MemoryError`] if the transaction failed. The turn then sends nothing.
    fn save_reply(
        &self,
        update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Replaces the saved reply to an update durably, after Telegram rejected the rest of it in its current form. The
    /// number of sent parts is kept.
    ///
    /// # Errors
    /// [`MemoryError`] if the reply could not be replaced. The turn then sends nothing more.
    fn update_reply(
        &self,
        update_id: i64,
        reply: &Reply,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Records durably that a group became a supergroup, and moves the group's conversation there. Does nothing if that
    /// migration is already recorded. Afterwards the group's id refers to the supergroup.
    ///
    /// # Errors
    /// [`MemoryError`] if the migration could not be recorded.
    fn migrate_chat(
        &self,
        from_chat_id: i64,
        to_chat_id: i64,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Lists the parts of an album that have arrived so far. Telegram sends each part as an update of its own.
    ///
    /// # Errors
    /// [`MemoryError`] if the parts cannot be read.
    fn list_album_parts(
        &self,
        chat_id: i64,
        media_group_id: &str,
    ) -> impl Future<Output = Result<Vec<AlbumPart>, MemoryError>> + MaybeSend;

    /// Records durably that the part of the reply with this index has been sent.
    ///
    /// # Errors
    /// [`MemoryError`] if this could not be recorded. The part may then be sent a second time.
    fn record_part_sent(
        &self,
        update_id: i64,
        part_index: usize,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;
}

/// Durable storage could not be read or written. The text is for logs and contains neither secrets nor messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the assistant's storage failed: {0}")]
pub struct MemoryError(pub String);

/// The HTTP methods that requests to vendors use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A request that only reads.
    Get,
    /// A request with a body.
    Post,
}

impl Method {
    /// The method as HTTP writes it, such as `GET`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request to a vendor. Its `Debug` output hides header values, the body, and a bot token in the URL.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The vendor's name in metrics and traces.
    pub vendor: &'static str,
    /// The HTTP method of the request.
    pub method: Method,
    /// The full URL. It must not be logged: Telegram's URLs contain the bot token.
    pub url: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, which is JSON or empty.
    pub body: Vec<u8>,
    /// How long the whole exchange may take, in milliseconds.
    pub timeout_ms: u64,
    /// The maximum size of the response's body in bytes, beyond which the host fails with [`HttpError::TooLarge`].
    pub response_bytes_max: usize,
}

impl HttpRequest {
    pub(crate) fn get(vendor: &'static str, url: String, timeout_ms: u64) -> Self {
        Self {
            vendor,
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms,
            response_bytes_max: RESPONSE_BYTES_MAX,
        }
    }

    pub(crate) fn post_json(
        vendor: &'static str,
        url: String,
        body: &serde_json::Value,
        timeout_ms: u64,
    ) -> Self {
        Self {
            method: Method::Post,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            ..Self::get(vendor, url, timeout_ms)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The default limit of a response, many times the size of the longest answer that a model may give.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &mask_token(&self.url))
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}

/// Replaces the bot token in a URL: `…/bot123:secret/getMe` becomes `…/bot***/getMe`.
fn mask_token(url: &str) -> String {
    let hide = |segment: &str| segment.starts_with("bot") && segment.contains(':');
    let segments: Vec<_> =
        url.split('/').map(|segment| if hide(segment) { "bot***" } else { segment }).collect();
    segments.join("/")
}

/// A complete response of a vendor. Its `Debug` output hides headers and body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The HTTP status code.
    pub status: u16,
    /// The `Retry-After` header in seconds, if it is present and a number.
    pub retry_after_s: Option<u64>,
    /// Those headers of [`RESPONSE_HEADERS`] that are present and at most [`RESPONSE_HEADER_BYTES_MAX`] long.
    pub headers: Vec<(&'static str, String)>,
    /// The body, at most [`HttpRequest::response_bytes_max`] bytes.
    pub body: Vec<u8>,
}

/// The response headers that a host passes on, in lower case. They say when a vendor's rate limit resets.
pub const RESPONSE_HEADERS: [&str; 16] = [
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-tokens-reset",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
    "anthropic-ratelimit-output-tokens-remaining",
];

/// The maximum length of a header value in bytes. Longer values cannot be times, and the host drops them.
pub const RESPONSE_HEADER_BYTES_MAX: usize = 128;

impl HttpResponse {
    /// Finds the value of one of [`RESPONSE_HEADERS`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("retry_after_s", &self.retry_after_s)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Why there is no response. It never contains the URL, which an HTTP client's own error would, because the URL can
/// contain the bot token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The complete response did not arrive in time.
    #[error("no response in time")]
    Timeout,
    /// The connection could not be made, or it broke.
    #[error("the connection failed")]
    Connect,
    /// The response is larger than the request allows.
    #[error("the response is too large")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_tokens_keys_and_bodies() {
        let request = HttpRequest::post_json(
            "telegram",
            "https://api.telegram.org/bot123456:AAsecret/sendMessage".into(),
            &serde_json::json!({"text": "private words"}),
            1,
        )
        .header("x-api-key", "sk-ant-secret");
        let shown = format!("{request:?}");
        assert!(shown.contains("bot***/sendMessage") && shown.contains("x-api-key"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("private"), "{shown}");
    }
}
