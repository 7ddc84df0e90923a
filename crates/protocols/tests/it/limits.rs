//! When the rate limits of the providers reset, by their headers, the text of their errors, or the details.

use reef_domain::wire::Provider;
use reef_protocols::HttpResponse;
use reef_protocols::model::{ModelError, Reset, read_answer};
use serde_json::{Value, json};

/// Monday, 23 November 2026, 00:00 UTC.
const NOW_S: i64 = 1_795_392_000;

fn limited(headers: &[(&'static str, &str)], body: &Value) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    HttpResponse { status: 429, retry_after_s: None, headers, body: body.to_string().into_bytes() }
}

fn read(provider: Provider, headers: &[(&'static str, &str)], body: &Value) -> ModelError {
    read_answer(provider, &limited(headers, body), NOW_S * 1000).unwrap_err()
}

fn reset_in(seconds: u64) -> Option<Reset> {
    Some(Reset { in_s: seconds, at_unix_s: NOW_S + i64::try_from(seconds).unwrap() })
}

fn rate_limited(seconds: u64) -> ModelError {
    ModelError::RateLimited { retry_after_s: Some(seconds) }
}

fn usage_limited(seconds: u64) -> ModelError {
    ModelError::LimitReached { is_daily: false, reset: reset_in(seconds) }
}

fn daily_limited(reset: Option<Reset>) -> ModelError {
    ModelError::LimitReached { is_daily: true, reset }
}

const UNKNOWN: ModelError = ModelError::RateLimited { retry_after_s: None };

fn free_models_per_day(reset_ms: &str) -> Value {
    json!({"error": {"message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        "code": 429, "metadata": {"headers": {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset_ms}, "provider_name": null}}, "user_id": "user_x"})
}

#[test]
fn daily_limit_without_reset_names_none() {
    let openrouter = Provider::Openrouter;
    for body in [
        free_models_per_day("1741305600000"),
        free_models_per_day("99999999999999"),
        free_models_per_day("soon"),
        json!({"error": {"message": "Rate limit exceeded: free-models-per-day-high-balance. ", "code": "429"}}),
        json!({"error": {"message": "Rate limit exceeded", "code": 429, "metadata": {"limit_source": "openrouter_free_tier_daily"}}}),
    ] {
        let error = read(openrouter, &[], &body);
        assert_eq!(error, daily_limited(None), "{body}");
    }
    // A wait of a few seconds does not say when a daily limit resets.
    assert_eq!(read(openrouter, &[("retry-after", "5")], &free_models_per_day("x")), daily_limited(None));
    let reset = (NOW_S + 7_200).to_string();
    assert_eq!(
        read(openrouter, &[("retry-after", "5"), ("x-ratelimit-reset", &reset)], &free_models_per_day("x")),
        daily_limited(reset_in(7_200))
    );
}

#[test]
fn retry_after_is_parsed_in_every_format() {
    let body = json!({"error": {"type": "rate_limit_error", "message": "slow down"}});
    for (headers, expected) in [
        (vec![("retry-after", "40")], rate_limited(40)),
        (vec![("retry-after", " 40.2 ")], rate_limited(41)),
        (vec![("retry-after", "3600")], rate_limited(3_600)),
        (vec![("retry-after", "18000")], usage_limited(18_000)),
        (vec![("retry-after", "Mon, 23 Nov 2026 05:00:00 GMT")], usage_limited(18_000)),
        (vec![("retry-after", "Mon, 23 Nov 2026 00:00:30 GMT")], rate_limited(30)),
        (vec![("retry-after-ms", "1500"), ("retry-after", "9")], rate_limited(2)),
        (vec![("retry-after", "0")], UNKNOWN),
        (vec![("retry-after", "-5")], UNKNOWN),
        (vec![("retry-after", "Sun, 22 Nov 2026 00:00:00 GMT")], UNKNOWN),
        (vec![("retry-after", "Mon, 23 Nov 2099 00:00:00 GMT")], UNKNOWN),
        (vec![("retry-after", "99999999")], UNKNOWN),
        (vec![("retry-after", "1e400")], UNKNOWN),
        (vec![("retry-after", "NaN")], UNKNOWN),
        (vec![("retry-after", "soon")], UNKNOWN),
        (vec![("retry-after", "")], UNKNOWN),
        (vec![("retry-after", "0"), ("x-ratelimit-reset", "50")], rate_limited(50)),
        (vec![], UNKNOWN),
    ] {
        assert_eq!(read(Provider::Anthropic, &headers, &body), expected, "{headers:?}");
    }
    let mut response = limited(&[], &body);
    response.retry_after_s = Some(40);
    assert_eq!(read_answer(Provider::Openai, &response, NOW_S * 1000), Err(rate_limited(40)));
}

#[test]
fn reset_headers_are_parsed_in_every_format() {
    let body = json!({"error": {"message": "m", "type": "requests", "code": "rate_limit_exceeded"}});
    let (in_s, in_ms) = ((NOW_S + 90).to_string(), format!("{}", (NOW_S + 90) * 1000));
    for (headers, expected) in [
        (vec![("x-ratelimit-reset", in_s.as_str())], rate_limited(90)),
        (vec![("x-ratelimit-reset", in_ms.as_str())], rate_limited(90)),
        (vec![("x-ratelimit-reset", "90")], rate_limited(90)),
        (vec![("x-ratelimit-reset-requests", "6m0s")], rate_limited(360)),
        (vec![("x-ratelimit-reset-requests", "1d2h")], usage_limited(26 * 3600)),
        (vec![("x-ratelimit-reset-requests", "120ms")], rate_limited(1)),
        (vec![("x-ratelimit-reset-requests", "1m6.5s")], rate_limited(67)),
        (vec![("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "6m0s")], rate_limited(360)),
        // A limit with something remaining is not the one that was reached.
        (
            vec![
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "8s"),
                ("x-ratelimit-remaining-tokens", "5000"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            rate_limited(8),
        ),
        (
            vec![
                ("anthropic-ratelimit-requests-remaining", "10"),
                ("anthropic-ratelimit-requests-reset", "2026-11-23T09:00:00Z"),
                ("anthropic-ratelimit-tokens-remaining", "0"),
                ("anthropic-ratelimit-tokens-reset", "2026-11-23T03:00:00Z"),
            ],
            usage_limited(3 * 3600),
        ),
        (vec![("anthropic-ratelimit-requests-reset", "2026-11-23T04:30:00+01:00")], usage_limited(12_600)),
        (vec![("x-ratelimit-reset-tokens", "0"), ("x-ratelimit-remaining-tokens", "-1")], UNKNOWN),
        (vec![("x-ratelimit-reset-requests", "6 minutes")], UNKNOWN),
        (vec![("x-ratelimit-reset-requests", "6m0")], UNKNOWN),
        (vec![("x-ratelimit-reset-requests", "999999999999d")], UNKNOWN),
        (vec![("anthropic-ratelimit-requests-reset", "2020-01-01T00:00:00Z")], UNKNOWN),
        // `retry-after` takes precedence over the time when the whole limit is available again.
        (
            vec![("retry-after", "7"), ("anthropic-ratelimit-requests-reset", "2026-11-23T03:00:00Z")],
            rate_limited(7),
        ),
    ] {
        assert_eq!(read(Provider::Openai, &headers, &body), expected, "{headers:?}");
    }
}

#[test]
fn openai_wait_is_parsed_from_message() {
    let error = |message: &str| json!({"error": {"message": message, "type": "requests", "code": "rate_limit_exceeded"}});
    let text = |unit: &str, wait: &str| {
        format!(
            "Rate limit reached for gpt-5.5 in organization org-x on {unit}: Limit 200, Used 200, Requested 1. Please try again in {wait}. Visit https://platform.openai.com/account/rate-limits to learn more."
        )
    };
    for (message, expected) in [
        (text("tokens per min (TPM)", "41.724s"), rate_limited(42)),
        (text("tokens per min (TPM)", "6ms"), rate_limited(1)),
        (text("requests per day (RPD)", "7m12s"), daily_limited(reset_in(432))),
        (text("requests per day (RPD)", "13h4m0.5s"), daily_limited(reset_in(13 * 3600 + 241))),
        // The daily limit is so high that the next request is allowed within the minute.
        (text("requests per day (RPD)", "8.64s"), rate_limited(9)),
        (text("tokens per day (TPD)", "a while"), daily_limited(None)),
    ] {
        assert_eq!(read(Provider::Openai, &[], &error(&message)), expected, "{message}");
    }
}

#[test]
fn google_daily_quota_differs_from_minute_quota() {
    let error = |quota: &str, delay: &str| {
        json!({"error": {"code": 429, "message": "You exceeded your current quota, please check your plan and billing details.",
            "status": "RESOURCE_EXHAUSTED", "details": [
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota, "quotaValue": "50"}]},
                {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]}})
    };
    let (day, minute) = (
        "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    );
    for (quota, delay, expected) in [
        (minute, "39.4s", rate_limited(40)),
        (minute, "36000s", usage_limited(36_000)),
        // Google names the next minute although the daily quota is used up.
        (day, "39s", daily_limited(None)),
        (day, "36000s", daily_limited(reset_in(36_000))),
        (day, "x", daily_limited(None)),
    ] {
        assert_eq!(read(Provider::Google, &[], &error(quota, delay)), expected, "{quota} {delay}");
    }
}

#[test]
fn anthropic_usage_limit_has_reset_date() {
    let body = |until: &str| {
        json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": format!("You have reached your specified API usage limits. You will regain access on {until}.")}})
    };
    let read = |until: &str| {
        let response = HttpResponse { status: 400, ..limited(&[], &body(until)) };
        read_answer(Provider::Anthropic, &response, NOW_S * 1000).unwrap_err()
    };
    assert_eq!(read("2026-12-01 at 00:00 UTC"), usage_limited(8 * 86_400));
    assert_eq!(read("some day"), ModelError::LimitReached { is_daily: false, reset: None });
}
