//! Rate limits of providers: the turn waits out short ones, and for longer ones the reply says when to come back.

use proptest::prelude::*;
use reef_assistant::{Settings, TurnOutcome, error_reply, run_turn};
use reef_domain::wire::Provider;
use reef_protocols::model::{ModelError, Reset, read_answer};
use reef_protocols::{HttpResponse, RESPONSE_HEADERS};
use serde_json::{Value, json};

use crate::fake::{FakeHost, respond, settings, text_update};

/// Monday, 23 November 2026, 00:00 UTC, the time at which the fake host's clock starts.
const NOW_S: i64 = 1_795_392_000;

fn limited(headers: &[(&'static str, &str)], body: &Value) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    HttpResponse { status: 429, retry_after_s: None, headers, body: body.to_string().into_bytes() }
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

#[tokio::test(start_paused = true)]
async fn daily_limit_is_not_retried() {
    let five_hours = format!("{}000", NOW_S + 5 * 3600);
    for status in [429, 200] {
        let host = FakeHost::new().with_model_responses([respond(status, free_models_per_day(&five_hours))]);
        let openrouter = Settings { provider: Provider::Openrouter, ..settings() };
        let outcome = run_turn(&host, &openrouter, &text_update(1, "hi")).await.unwrap();
        assert_eq!(outcome, TurnOutcome::Answered { model_error: Some(daily_limited(reset_in(5 * 3600))) });
        assert_eq!(host.calls("model").len(), 1);
        let words = "I've reached my daily limit. Please try again in about 5 hours (Monday at 05:00 UTC).";
        assert_eq!(host.sent(), [words]);
    }
}

#[test]
fn waits_are_formatted_for_people() {
    for (error, words) in [
        (rate_limited(1), "Please try again in 1 second."),
        (rate_limited(40), "Please try again in 40 seconds."),
        (rate_limited(119), "Please try again in 119 seconds."),
        (rate_limited(120), "Please try again in about 2 minutes."),
        (rate_limited(121), "Please try again in about 3 minutes."),
        (rate_limited(7_199), "Please try again in about 120 minutes."),
        (UNKNOWN, "Please try again in a minute."),
        (usage_limited(7_201), "Please try again in about 2 hours (Monday at 02:01 UTC)."),
        (usage_limited(86_400), "Please try again in about 24 hours (Tuesday at 00:00 UTC)."),
        (usage_limited(3 * 86_400 + 3_599), "Please try again in about 3 days (Thursday at 01:00 UTC)."),
        (usage_limited(7 * 86_400), "Please try again in about 7 days (November 30 at 00:00 UTC)."),
        (daily_limited(reset_in(90)), "Please try again in 90 seconds."),
        (daily_limited(reset_in(600)), "Please try again in about 10 minutes."),
    ] {
        let reply = error_reply(error, None);
        assert!(reply.ends_with(words), "{reply}");
    }
    // A daily limit whose reset is unknown names no time.
    let words = error_reply(daily_limited(None), None);
    assert!(
        words.contains("daily limit") && !words.contains("minute") && !words.contains(char::is_numeric),
        "{words}"
    );
    assert_eq!(
        error_reply(usage_limited(8 * 86_400), None),
        "I'm temporarily unavailable. Please try again in about 8 days (December 1 at 00:00 UTC)."
    );
}

#[tokio::test(start_paused = true)]
async fn long_wait_is_not_waited_out() {
    let mut response = respond(429, json!({"error": {"type": "rate_limit_error", "message": "slow down"}}));
    response = response.retry_after_s(18_000);
    let host = FakeHost::new().with_model_responses([response]);
    assert_eq!(
        host.turn(&text_update(1, "hi")).await.unwrap(),
        TurnOutcome::Answered { model_error: Some(usage_limited(18_000)) }
    );
    assert_eq!(host.calls("model").len(), 1);
}

proptest! {
    /// For any headers and texts, a wait is positive and at most a month, and there is a reply for it.
    #[test]
    fn any_header_gives_plausible_wait_or_none(
        values in prop::collection::vec((prop::sample::select(&RESPONSE_HEADERS[..]), "[-+0-9a-zA-Z:. ,]{0,30}"), 0..6),
        message in "(try again in |per day )?[-0-9.a-z ]{0,30}",
        now_ms in any::<i64>(),
    ) {
        let headers: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = limited(&headers, &json!({"error": {"message": message, "code": 429}}));
        let error = read_answer(Provider::Openrouter, &response, now_ms).unwrap_err();
        let seconds = match error {
            ModelError::RateLimited { retry_after_s } => retry_after_s,
            ModelError::LimitReached { reset, .. } => reset.map(|reset| reset.in_s),
            error => panic!("{error:?}"),
        };
        prop_assert!(seconds.is_none_or(|seconds| (1..=31 * 86_400).contains(&seconds)));
        prop_assert!(error_reply(error, None).ends_with('.'));
    }
}
