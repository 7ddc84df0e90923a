//! Traces and measures calls to vendors by vendor, method, route and status. URLs, headers and bodies are never
//! recorded, because they contain secrets; Telegram's URLs contain the bot token.

use std::time::Instant;

use reef_protocols::HttpError;
use tracing::Span;

/// A call to a vendor that is being traced and measured.
pub(crate) struct ObservedCall {
    vendor: &'static str,
    started: Instant,
    /// The span of the call, in which the request must run.
    pub span: Span,
}

impl ObservedCall {
    /// Starts the span and the timer of a call.
    pub fn start(vendor: &'static str, method: &reqwest::Method, path: &str) -> Self {
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

    /// Records the status of the response, or the reason why there is none.
    pub fn finish(&self, outcome: Result<u16, &'static str>) {
        let status = match outcome {
            Ok(status) => {
                self.span.record("http.response.status_code", status);
                status_class(status)
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

/// The class of a status as a label in metrics.
const fn status_class(status: u16) -> &'static str {
    match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

/// An error as a label in metrics and traces.
pub(crate) const fn error_label(error: HttpError) -> &'static str {
    match error {
        HttpError::Timeout => "timeout",
        HttpError::Connect => "connection",
        HttpError::TooLarge => "too_large",
    }
}

/// The maximum length of a path segment that is kept as a word; longer ones are ids.
const WORD_MAX: usize = 24;

/// Replaces every path segment that is not a plain word with `{id}`: ids, names of models, and Telegram's bot tokens,
/// which contain digits.
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
    fn route_has_no_ids_or_tokens() {
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
