//! The replies when the model does not answer. They do not reveal the configuration to the public.

use reef_assistant::model::ModelError;
use reef_assistant::{HttpError, Renewal, TurnError, TurnOutcome};
use serde_json::{Value, json};

use crate::fake::{FakeHost, Scripted, answer, fail, respond, says};

fn error(status: u16, kind: &str, message: &str) -> Scripted {
    let body: Value =
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    respond(status, body)
}

/// Runs a turn against a failing model and returns the reason, the reply, and the number of requests to the model.
async fn apology(script: impl IntoIterator<Item = Scripted>) -> (ModelError, String, usize) {
    let host = FakeHost::new().model_answers(script);
    let outcome = host.turn(&says(1, "hi")).await.unwrap();
    let TurnOutcome::Answered { model_error: Some(reason) } = outcome else { panic!("{outcome:?}") };
    assert!(host.remembered(7).is_empty(), "an apology is not remembered");
    let sent = host.sent();
    assert_eq!(sent.len(), 1);
    (reason, sent[0].clone(), host.calls("model").len())
}

#[tokio::test(start_paused = true)]
async fn what_asking_again_cannot_mend_is_told_at_once() {
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
        (error(400, "invalid_request_error", "messages: odd"), ModelError::Invalid, "went wrong"),
        (respond(200, json!({"content": [], "stop_reason": "refusal"})), ModelError::Refused, "can't help"),
        (respond(200, json!({"content": [], "stop_reason": "end_turn"})), ModelError::Empty, "rephrasing"),
        (respond(200, json!("not a message")), ModelError::Invalid, "went wrong"),
        (fail(HttpError::TooLarge), ModelError::Invalid, "went wrong"),
    ] {
        let (found, words, asked) = apology([script]).await;
        assert_eq!((found, asked), (reason, 1), "{words}");
        assert!(words.contains(word), "{words}");
        for private in ["secret", "key", "credit", "model", "provider", "owner"] {
            assert!(!words.contains(private), "{words}");
        }
    }
}

#[test]
fn a_managed_assistant_says_when_there_is_credit_again() {
    let reply = |credit| ModelError::OutOfCredit.told(credit);
    let later = "I'm temporarily unavailable. Please try again later.";
    assert_eq!(reply(None), later);
    let dated = "I'm temporarily unavailable. Please try again after March 13, 2026 (UTC).";
    assert_eq!(reply(Some(Renewal::At(1_773_403_401_456))), dated);
    assert_eq!(reply(Some(Renewal::Sometime)), later);
    assert_eq!(reply(Some(Renewal::At(i64::MAX))), later);
    assert!(!reply(Some(Renewal::Never)).contains("try again"));
    assert_eq!(ModelError::KeyRejected.told(Some(Renewal::Sometime)), later);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_three_times_and_then_told() {
    let overloaded = || error(529, "overloaded_error", "Overloaded");
    assert_eq!(apology([overloaded(), overloaded(), overloaded()]).await.0, ModelError::Overloaded);
    let broken = || fail(HttpError::Connect);
    let (reason, words, asked) = apology([broken(), error(500, "api_error", "x"), broken()]).await;
    assert_eq!((reason, asked), (ModelError::Unavailable, 3));
    assert!(words.contains("few minutes"), "{words}");

    let host = FakeHost::new().model_answers([overloaded(), fail(HttpError::Timeout), answer("there")]);
    let outcome = host.turn(&says(1, "hi")).await;
    assert_eq!(outcome, Ok(TurnOutcome::Answered { model_error: None }));
    assert_eq!(host.sent(), ["there"]);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_sat_out_and_a_long_one_is_told() {
    let limited = |seconds| error(429, "rate_limit_error", "slow down").retry_after_s(seconds);
    let host = FakeHost::new().model_answers([limited(3), answer("there")]);
    assert!(host.turn(&says(1, "hi")).await.is_ok());
    assert_eq!(host.calls("model")[1].at.as_secs(), 3);

    let (reason, words, asked) = apology([limited(40)]).await;
    assert_eq!((reason, asked), (ModelError::RateLimited { retry_after_s: Some(40) }, 1));
    assert!(words.contains("40 s"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let slow = || fail(HttpError::Timeout).after_s(120);
    let (reason, _, asked) = apology([slow(), slow(), slow()]).await;
    assert_eq!((reason, asked), (ModelError::Unavailable, 2));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_that_could_not_be_saved() {
    let host = FakeHost::new();
    host.memory_fails(true);
    let stopped = host.turn(&says(1, "hi")).await.unwrap_err();
    assert!(matches!(stopped, TurnError::Memory(_)) && stopped.is_retryable());
    assert!(host.sent().is_empty());
    host.memory_fails(false);
    assert!(host.turn(&says(1, "hi")).await.is_ok());
    assert_eq!(host.sent(), ["ok"]);
}
