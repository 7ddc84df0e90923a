//! Requests to vendors and their responses, as values that any HTTP client can send and receive.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The HTTP methods that requests to vendors use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A request that only reads.
    Get,
    /// A request with a body.
    Post,
    /// A change, with a body.
    Patch,
    /// A deletion, without a body.
    Delete,
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
    /// The body, which is JSON, a form with a file, or empty.
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

    pub(crate) fn post_form(
        vendor: &'static str,
        url: String,
        boundary: &str,
        body: Vec<u8>,
        timeout_ms: u64,
    ) -> Self {
        Self {
            method: Method::Post,
            headers: vec![("content-type", format!("multipart/form-data; boundary={boundary}"))],
            body,
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

/// Every character except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes an id as one segment of a URL's path.
pub(crate) fn encode_segment(id: &str) -> String {
    utf8_percent_encode(id, RESERVED).to_string()
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
