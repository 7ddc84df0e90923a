//! Reads when a provider's rate limit resets. Depending on the provider, this is in headers, in the text of the error,
//! or in its details.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use super::error::{ModelError, Reset, find_error, is_usage_limit};
use crate::http::HttpResponse;

/// From this length on, a wait in seconds is a [`ModelError::LimitReached`].
pub const LONG_WAIT_S: u64 = 2 * 3_600;

/// Longer waits are implausible and count as unknown.
const WAIT_MS_MAX: f64 = 31.0 * 86_400_000.0;

/// Providers may name the next minute although a daily limit is reached, so a wait of at most this length does not say
/// when a daily limit resets.
const MINUTE_MS: u64 = 60_000;

/// Headers for the reset of a limit and for what remains of it. They name the time when the whole limit is available
/// again, which is later than necessary, so they are read last.
const RESET_HEADERS: [(&str, &str); 7] = [
    ("x-ratelimit-reset", "x-ratelimit-remaining"),
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    ("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    ("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
];

/// Adds to a rate limit error how long the limit lasts. Other errors are returned unchanged.
pub(super) fn with_reset(error: ModelError, response: &HttpResponse, now_unix_ms: i64) -> ModelError {
    if !matches!(error, ModelError::RateLimited { .. }) {
        return error;
    }
    let limit = RateLimit { error: find_error(&response.body), response, now_unix_ms };
    let is_daily = limit.is_daily();
    if let Some(wait_ms) = limit.wait_in_message_ms()
        && wait_ms <= MINUTE_MS
    {
        // The daily limit is so high that the next request is allowed within the minute.
        return ModelError::RateLimited { retry_after_s: Some(wait_ms.div_ceil(1000)) };
    }
    let wait_ms = limit.wait_ms(is_daily);
    let wait_s = wait_ms.map(|wait_ms| wait_ms.div_ceil(1000));
    if is_daily || limit.is_usage_limit() || wait_s.is_some_and(|wait_s| wait_s >= LONG_WAIT_S) {
        let reset = wait_s.and_then(|in_s| {
            let at_unix_s = now_unix_ms.div_euclid(1000).checked_add_unsigned(in_s)?;
            Some(Reset { in_s, at_unix_s })
        });
        ModelError::LimitReached { is_daily, reset }
    } else {
        ModelError::RateLimited { retry_after_s: wait_s }
    }
}

struct RateLimit<'a> {
    error: Value,
    response: &'a HttpResponse,
    now_unix_ms: i64,
}

impl RateLimit<'_> {
    fn message(&self) -> String {
        self.error["message"].as_str().unwrap_or_default().to_lowercase()
    }

    fn is_usage_limit(&self) -> bool {
        is_usage_limit(&self.message())
    }

    /// Whether the limit is per day, by OpenRouter's `free-models-per-day` and `limit_source`, OpenAI's `requests per
    /// day (RPD)` or Google's `quotaId`.
    fn is_daily(&self) -> bool {
        let says_day = |text: &str| {
            let text = text.to_lowercase();
            ["per day", "per-day", "perday", "daily"].iter().any(|words| text.contains(words))
        };
        let violations = self.details().filter_map(|detail| detail["violations"].as_array()).flatten();
        says_day(&self.message())
            || says_day(self.error["metadata"]["limit_source"].as_str().unwrap_or_default())
            || violations.filter_map(|violation| violation["quotaId"].as_str()).any(says_day)
    }

    fn details(&self) -> impl Iterator<Item = &Value> {
        self.error["details"].as_array().into_iter().flatten()
    }

    /// Reads the wait from OpenAI's "Please try again in 7m12s.", which is exact.
    fn wait_in_message_ms(&self) -> Option<u64> {
        self.duration_after("try again in ")
    }

    fn duration_after(&self, words: &str) -> Option<u64> {
        let message = self.message();
        let (_, rest) = message.split_once(words)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
        plausible_wait(parse_duration_ms(rest[..end].trim_end_matches('.'))?)
    }

    /// Finds how long the provider says to wait, trying the most exact source first.
    fn wait_ms(&self, is_daily: bool) -> Option<u64> {
        let header = |name: &str| self.response.header(name);
        let of_body = &self.error["metadata"]["headers"];
        let in_body = |name: &str| of_body[name].as_str().and_then(|value| self.wait_until_ms(value));
        let retry_info = self.details().find_map(|detail| detail["retryDelay"].as_str());
        let candidates = [
            self.wait_in_message_ms(),
            header("retry-after-ms").and_then(|ms| plausible_wait(ms.trim().parse().ok()?)),
            header("retry-after").and_then(|value| self.wait_until_ms(value)),
            self.response.retry_after_s.and_then(|seconds| self.wait_until_ms(&seconds.to_string())),
            retry_info.and_then(|delay| self.wait_until_ms(delay)),
            self.duration_after("retry in "),
            in_body("Retry-After"),
            in_body("X-RateLimit-Reset"),
            self.wait_until_reset_ms(),
            self.wait_until_access_ms(),
        ];
        candidates.into_iter().flatten().find(|wait_ms| !is_daily || *wait_ms > MINUTE_MS)
    }

    /// Finds the longest wait among the limits that are reached or whose remainder is unknown.
    fn wait_until_reset_ms(&self) -> Option<u64> {
        let left = |name: &str| self.response.header(name)?.trim().parse::<f64>().ok();
        let reached =
            RESET_HEADERS.iter().filter(|(_, remaining)| left(remaining).is_none_or(|left| left <= 0.0));
        let waits = reached.filter_map(|(reset, _)| self.wait_until_ms(self.response.header(reset)?));
        waits.max()
    }

    /// Reads the time from Anthropic's "You will regain access on 2026-12-01 at 00:00 UTC."
    fn wait_until_access_ms(&self) -> Option<u64> {
        let message = self.message();
        let (_, rest) = message.split_once("regain access on ")?;
        let (day, rest) = rest.split_once(" at ")?;
        let (time, _) = rest.split_once(" utc")?;
        self.wait_until_ms(&format!("{day}T{time}:00Z"))
    }

    /// Converts a time to a wait, in any form that providers use in headers: seconds from now or since 1970,
    /// milliseconds since 1970, a duration such as `6m0s`, RFC 3339, or an HTTP date.
    fn wait_until_ms(&self, value: &str) -> Option<u64> {
        let value = value.trim();
        let from_now = |unix_ms: f64| unix_ms - self.now_unix_ms as f64;
        let wait_ms = if let Ok(number) = value.parse::<f64>() {
            match number {
                1e11.. => from_now(number),
                1e9.. => from_now(number * 1000.0),
                _ => number * 1000.0,
            }
        } else if let Some(wait_ms) = parse_duration_ms(value) {
            wait_ms
        } else {
            let at =
                OffsetDateTime::parse(value, &Rfc3339).or_else(|_| OffsetDateTime::parse(value, &Rfc2822));
            from_now(at.ok()?.unix_timestamp() as f64 * 1000.0)
        };
        plausible_wait(wait_ms)
    }
}

/// Rounds a wait up to milliseconds. `None` if it is over or implausibly long.
fn plausible_wait(wait_ms: f64) -> Option<u64> {
    (wait_ms > 0.0 && wait_ms <= WAIT_MS_MAX).then(|| wait_ms.ceil() as u64)
}

/// Parses a duration in Go's format, which OpenAI uses: `6m0s`, `1d2h`, `120ms`, `1m6.5s`.
fn parse_duration_ms(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit_ms = match unit {
            "d" => 86_400_000.0,
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * unit_ms;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}
