//! What operators see of a call to a vendor: a span and a time, by vendor, method, route and status. Never a URL, a
//! header or a body: Telegram's URLs carry the bot token.

use std::time::Instant;

use reef_assistant::HttpError;
use tracing::Span;

/// A call under way.
pub(crate) struct Observed {
    vendor: &'static str,
    started: Instant,
    /// Of the call; what happens in it belongs to it.
    pub span: Span,
}

impl Observed {
    /// Begins to look at a call.
    pub fn begin(vendor: &'static str, method: &reqwest::Method, path: &str) -> Self {
        let route = route(path);
        let span = tracing::info_span!(
            "vendor call",
            otel.name = format!("{vendor} {method} {route}"),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            vendor,
            http.request.method = %method,
            http.route = route,
            http.response.status_code = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        Self { vendor, started: Instant::now(), span }
    }

    /// Notes how it ended: with a status, or without a whole answer.
    pub fn end(&self, outcome: Result<u16, &'static str>) {
        let status = match outcome {
            Ok(status) => {
                self.span.record("http.response.status_code", status);
                class(status)
            }
            Err(reason) => {
                self.span.record("error.type", reason);
                reason
            }
        };
        if !matches!(outcome, Ok(..500)) {
            self.span.record("otel.status_code", "ERROR");
        }
        let seconds = self.started.elapsed().as_secs_f64();
        metrics::histogram!("reef_vendor_call_duration_seconds", "vendor" => self.vendor, "status" => status)
            .record(seconds);
    }
}

/// A status as metrics tell it.
const fn class(status: u16) -> &'static str {
    match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

/// A reason for no answer, as metrics tell it.
pub(crate) const fn reason(error: HttpError) -> &'static str {
    match error {
        HttpError::Timeout => "timeout",
        HttpError::Connect => "connection",
        HttpError::TooLarge => "too_large",
    }
}

/// The longest word of a path that is none of a vendor's ids.
const WORD_MAX: usize = 24;

/// A path with `{id}` for whatever is no plain word: ids, names of models, and Telegram's bot tokens, which hold digits.
fn route(path: &str) -> String {
    let is_word = |segment: &&str| {
        let is_version = matches!(*segment, "v1" | "v1beta");
        is_version
            || segment.len() <= WORD_MAX
                && segment.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
    };
    let segments = path.split('/').map(|segment| if is_word(&segment) { segment } else { "{id}" });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_no_ids_and_no_tokens() {
        for (path, expected) in [
            ("/v1/checkouts/", "/v1/checkouts/"),
            ("/v1/subscriptions/01890a5d-ac96-774b-bcce-b302099a8057", "/v1/subscriptions/{id}"),
            ("/bot123456:AAsecret_x-y/getMe", "/{id}/getMe"),
            ("/sandbox/telegram/bot1:abc/setWebhook", "/sandbox/telegram/{id}/setWebhook"),
            ("/v1beta/models/gemini-2.5-pro:generateContent", "/v1beta/models/{id}"),
            ("/api/v1/keys/abcdefabcdefabcdefabcdefabcdef", "/api/v1/keys/{id}"),
        ] {
            assert_eq!(route(path), expected);
        }
    }
}
