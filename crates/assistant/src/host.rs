//! The port to everything outside: HTTP, time, and the memory that survives a crash.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use crate::memory::{AlbumPart, MemoryChange, Reply, Turn};

/// `Send` where a multi-threaded runtime moves futures between threads; nothing on WebAssembly, which has one thread
/// and whose JavaScript values cannot move.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + ?Sized> MaybeSend for T {}
/// Nothing on WebAssembly; `Send` elsewhere.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSend for T {}

/// `Sync` where [`MaybeSend`] is `Send`, for the same reason.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync + ?Sized> MaybeSync for T {}
/// Nothing on WebAssembly; `Sync` elsewhere.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T: ?Sized> MaybeSync for T {}

/// What an assistant needs of the place it runs in.
///
/// A host belongs to one bot: `update_id` and `chat_id` mean something within that bot only, so a store shared by
/// many assistants has to add the bot's id to its keys. The host runs the turns of one chat one at a time, and runs a
/// turn that failed again later: a turn never waits for Telegram itself, so that it holds nothing that others need.
pub trait Host: MaybeSync {
    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError`] when there is no complete answer within the request's time and size; any status is an answer.
    fn send(&self, request: HttpRequest)
    -> impl Future<Output = Result<HttpResponse, HttpError>> + MaybeSend;

    /// Waits that long.
    fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + MaybeSend;

    /// Milliseconds since 1970-01-01 UTC.
    fn now_unix_ms(&self) -> i64;

    /// The newest remembered turns of a chat, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`MemoryError`] when the memory cannot be read.
    fn recent_turns(
        &self,
        chat_id: i64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Turn>, MemoryError>> + MaybeSend;

    /// The reply saved for an update, with what has been sent of it; `None` if there is none yet.
    ///
    /// # Errors
    /// [`MemoryError`] when the memory cannot be read.
    fn saved_reply(
        &self,
        update_id: i64,
    ) -> impl Future<Output = Result<Option<Reply>, MemoryError>> + MaybeSend;

    /// Keeps the reply to an update and changes the chat's memory, both or neither, durably. When the update has a
    /// reply already, nothing changes.
    ///
    /// # Errors
    /// [`MemoryError`] when it could not be kept: then nothing is sent.
    fn save_reply(
        &self,
        update_id: i64,
        reply: &Reply,
        change: &MemoryChange,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Replaces the saved reply to an update durably, because Telegram wants what is left of it in another form. What
    /// has been sent stays sent.
    ///
    /// # Errors
    /// [`MemoryError`] when it could not be replaced: then nothing more is sent.
    fn replace_reply(
        &self,
        update_id: i64,
        reply: &Reply,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// Records durably that a group became a supergroup, and moves its memory there unless it has been moved before.
    /// From then on the group's id means the supergroup.
    ///
    /// # Errors
    /// [`MemoryError`] when it could not be recorded.
    fn migrate_chat(
        &self,
        from_chat_id: i64,
        to_chat_id: i64,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;

    /// What has come so far of an album, whose parts are updates of their own.
    ///
    /// # Errors
    /// [`MemoryError`] when it cannot be read.
    fn album_parts(
        &self,
        chat_id: i64,
        media_group_id: &str,
    ) -> impl Future<Output = Result<Vec<AlbumPart>, MemoryError>> + MaybeSend;

    /// Notes durably that the reply's part of that index has been sent.
    ///
    /// # Errors
    /// [`MemoryError`] when it could not be noted.
    fn mark_sent(
        &self,
        update_id: i64,
        part_index: usize,
    ) -> impl Future<Output = Result<(), MemoryError>> + MaybeSend;
}

/// The memory could not be read or written. The text is for the log and holds no secret and no conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the assistant's memory failed: {0}")]
pub struct MemoryError(pub String);

/// The methods that vendors' calls need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Does.
    Post,
}

impl Method {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One request to a vendor. Its `Debug` shows neither header values, nor the body, nor a bot token in the URL.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Whom it goes to, as metrics and traces name them.
    pub vendor: &'static str,
    /// The method.
    pub method: Method,
    /// The whole URL. Telegram's carries the bot token: never log it.
    pub url: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body; JSON or empty.
    pub body: Vec<u8>,
    /// How long the whole exchange may take, in milliseconds.
    pub timeout_ms: u64,
    /// How many bytes of an answer the host may read before it gives up with [`HttpError::TooLarge`].
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

/// Many times what an answer of the longest allowed length needs.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &masked(&self.url))
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}

/// The URL with the bot token replaced: `…/bot123:secret/getMe` becomes `…/bot***/getMe`.
fn masked(url: &str) -> String {
    let hide = |segment: &str| segment.starts_with("bot") && segment.contains(':');
    let segments: Vec<_> =
        url.split('/').map(|segment| if hide(segment) { "bot***" } else { segment }).collect();
    segments.join("/")
}

/// What a vendor answered, whole. Its `Debug` shows no body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The `Retry-After` header in seconds, if it was there as a number.
    pub retry_after_s: Option<u64>,
    /// The headers of [`RESPONSE_HEADERS`] that were there, each at most [`RESPONSE_HEADER_BYTES_MAX`] long.
    pub headers: Vec<(&'static str, String)>,
    /// The body, at most `response_bytes_max` of the request.
    pub body: Vec<u8>,
}

/// The headers that a host hands on, in lower case: they say when a vendor that limits the rate takes requests again.
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

/// A longer value is no time.
pub const RESPONSE_HEADER_BYTES_MAX: usize = 128;

impl HttpResponse {
    /// The value of one of [`RESPONSE_HEADERS`].
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

/// Why there is no answer. Says nothing of the URL: a client's own error text would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No complete answer in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection, or it broke.
    #[error("the connection failed")]
    Connect,
    /// The answer is larger than allowed.
    #[error("the answer is too large")]
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
