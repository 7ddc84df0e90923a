//! The replies when the model does not answer. They do not reveal the configuration to the public.

use reef_assistant::{CreditRenewal, TurnError, TurnOutcome, error_reply};
use reef_protocols::HttpError;
use reef_protocols::model::ModelError;
use serde_json::{Value, json};

use crate::fake::{FakeHost, ScriptedResponse, answer, fail, respond, text_update};

fn error(status: u16, kind: &str, message: &str) -> ScriptedResponse {
    let body: Value =
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    respond(status, body)
}

/// Runs a turn against a failing model and returns the reason, the reply, and the number of requests to the model.
async fn apology(script: impl IntoIterator<Item = ScriptedResponse>) -> (ModelError, String, usize) {
    let host = FakeHost::new().with_model_responses(script);
    let outcome = host.turn(&text_update(1, "hi")).await.unwrap();
    let TurnOutcome::Answered { model_error: Some(reason) } = outcome else { panic!("{outcome:?}") };
    assert!(host.conversation(7).is_empty(), "an apology is not remembered");
    let sent = host.sent();
    assert_eq!(sent.len(), 1);
    (reason, sent[0].clone(), host.calls("model").len())
}

#[tokio::test(start_paused = true)]
async fn permanent_error_is_not_retried() {
    let secret = "sk-ant-secret is bad";
    let unavailable = "temporarily unavailable";
    for (script, reason, word) in [
        (error(401, "authentication_error", secret), ModelError::KeyRejected, unavailable),
        (error(403, "permission_error", secret), ModelError::KeyRejected, unavailable),
        (error(400, "billing_error", secret), ModelError::OutOfCredit, unavailable),
        (error(402, "payment_required", secret), ModelError::OutOfCredit, unavailable),
        (
            respond(
                403,
                json!({"error": {"code": 403, "message": "Key limit exceeded (total limit). Manage it."}}),
            ),
            ModelError::OutOfCredit,
            unavailable,
        ),
        (
            error(400, "invalid_request_error", "Your credit balance is too low to access the API"),
            ModelError::OutOfCredit,
            unavailable,
        ),
        (error(404, "not_found_error", "model: x"), ModelError::ModelNotFound, unavailable),
        (
            error(400, "invalid_request_error", "prompt is too long: 9 > 8"),
            ModelError::ContextTooLong,
            "/reset",
        ),
        (error(400, "invalid_request_error", "messages: odd"), ModelError::UnexpectedResponse, "went wrong"),
        (respond(200, json!({"content": [], "stop_reason": "refusal"})), ModelError::Declined, "can't help"),
        (
            respond(200, json!({"content": [], "stop_reason": "end_turn"})),
            ModelError::EmptyAnswer,
            "rephrasing",
        ),
        (respond(200, json!("not a message")), ModelError::UnexpectedResponse, "went wrong"),
        (fail(HttpError::TooLarge), ModelError::UnexpectedResponse, "went wrong"),
    ] {
        let (found, words, asked) = apology([script]).await;
        assert_eq!((found, asked), (reason, 1), "{words}");
        assert!(words.contains(word), "{words}");
        for private in ["secret", "key", "credit", "model", "provider", "owner"] {
            assert!(!words.contains(private), "{words}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn owner_reads_what_they_can_mend() {
    for (script, word) in [
        (error(401, "authentication_error", "x"), "working key"),
        (error(402, "payment_required", "x"), "Add credit"),
        (error(404, "not_found_error", "model: x"), "another model"),
    ] {
        let host = FakeHost::new().with_owner().with_model_responses([script]);
        host.turn(&text_update(1, "hi")).await.unwrap();
        let sent = host.sent();
        assert!(
            sent[0].starts_with("I'm temporarily unavailable: ") && sent[0].contains(word),
            "{}",
            sent[0]
        );
    }
    let host = FakeHost::new()
        .with_owner()
        .with_model_responses((0..9).map(|_| error(529, "overloaded_error", "x")));
    host.turn(&text_update(1, "hi")).await.unwrap();
    assert!(host.sent()[0].contains("very busy"), "{:?}", host.sent());
}

#[test]
fn used_up_managed_credit_names_renewal_date() {
    let reply = |credit| error_reply(ModelError::OutOfCredit, credit);
    let later = "I'm temporarily unavailable. Please try again later.";
    assert_eq!(reply(None), later);
    let dated = "I'm temporarily unavailable. Please try again after March 13, 2026 (UTC).";
    assert_eq!(reply(Some(CreditRenewal::At(1_773_403_401_456))), dated);
    assert_eq!(reply(Some(CreditRenewal::Unknown)), later);
    assert_eq!(reply(Some(CreditRenewal::At(i64::MAX))), later);
    assert!(!reply(Some(CreditRenewal::Never)).contains("try again"));
    assert_eq!(error_reply(ModelError::KeyRejected, Some(CreditRenewal::Unknown)), later);
}

#[tokio::test(start_paused = true)]
async fn transient_error_is_retried_twice() {
    let overloaded = || error(529, "overloaded_error", "Overloaded");
    assert_eq!(apology([overloaded(), overloaded(), overloaded()]).await.0, ModelError::Overloaded);
    let broken = || fail(HttpError::Connect);
    let (reason, words, asked) = apology([broken(), error(500, "api_error", "x"), broken()]).await;
    assert_eq!((reason, asked), (ModelError::Unavailable, 3));
    assert!(words.contains("few minutes"), "{words}");

    let host =
        FakeHost::new().with_model_responses([overloaded(), fail(HttpError::Timeout), answer("there")]);
    let outcome = host.turn(&text_update(1, "hi")).await;
    assert_eq!(outcome, Ok(TurnOutcome::Answered { model_error: None }));
    assert_eq!(host.sent(), ["there"]);
}

#[tokio::test(start_paused = true)]
async fn short_wait_is_waited_out() {
    let limited = |seconds| error(429, "rate_limit_error", "slow down").retry_after_s(seconds);
    let host = FakeHost::new().with_model_responses([limited(3), answer("there")]);
    assert!(host.turn(&text_update(1, "hi")).await.is_ok());
    assert_eq!(host.calls("model")[1].at.as_secs(), 3);

    let (reason, words, asked) = apology([limited(40)]).await;
    assert_eq!((reason, asked), (ModelError::RateLimited { retry_after_s: Some(40) }, 1));
    assert!(words.contains("40 s"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn slow_failures_stop_retries() {
    let slow = || fail(HttpError::Timeout).after_s(120);
    let (reason, _, asked) = apology([slow(), slow(), slow()]).await;
    assert_eq!((reason, asked), (ModelError::Unavailable, 2));
}

#[tokio::test(start_paused = true)]
async fn unsaved_reply_is_not_sent() {
    let host = FakeHost::new();
    host.set_memory_fails(true);
    let stopped = host.turn(&text_update(1, "hi")).await.unwrap_err();
    assert!(matches!(stopped, TurnError::Memory(_)) && stopped.is_retryable());
    assert!(host.sent().is_empty());
    host.set_memory_fails(false);
    assert!(host.turn(&text_update(1, "hi")).await.is_ok());
    assert_eq!(host.sent(), ["ok"]);
}
