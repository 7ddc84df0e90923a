//! When the model does not answer, the person is told why in plain words.

use reef_assistant::model::ModelError;
use reef_assistant::{HttpError, Renewal, TurnError, TurnOutcome};
use serde_json::{Value, json};

use crate::fake::{FakeHost, Scripted, answer, fail, respond, says};

fn error(status: u16, kind: &str, message: &str) -> Scripted {
    let body: Value =
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
    respond(status, body)
}

/// Runs a turn against a failing model; returns the reason and what the person was told.
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
    for (script, reason, word) in [
        (error(401, "authentication_error", secret), ModelError::KeyRejected, "key"),
        (error(403, "permission_error", secret), ModelError::KeyRejected, "key"),
        (error(400, "billing_error", secret), ModelError::OutOfCredit, "credit"),
        (error(402, "payment_required", secret), ModelError::OutOfCredit, "credit"),
        (
            respond(
                403,
                json!({"error": {"code": 403, "message": "Key limit exceeded (total limit). Manage it."}}),
            ),
            ModelError::OutOfCredit,
            "credit",
        ),
        (
            error(400, "invalid_request_error", "Your credit balance is too low to access the API"),
            ModelError::OutOfCredit,
            "credit",
        ),
        (error(404, "not_found_error", "model: x"), ModelError::ModelNotFound, "does not exist"),
        (
            error(400, "invalid_request_error", "prompt is too long: 9 > 8"),
            ModelError::ContextTooLong,
            "/reset",
        ),
        (error(400, "invalid_request_error", "messages: odd"), ModelError::Invalid, "owner"),
        (respond(200, json!({"content": [], "stop_reason": "refusal"})), ModelError::Refused, "declined"),
        (respond(200, json!({"content": [], "stop_reason": "end_turn"})), ModelError::Empty, "no words"),
        (respond(200, json!("not a message")), ModelError::Invalid, "understand"),
        (fail(HttpError::TooLarge), ModelError::Invalid, "understand"),
    ] {
        let (told, words, asked) = apology([script]).await;
        assert_eq!((told, asked), (reason, 1), "{words}");
        assert!(words.contains(word) && !words.contains("secret"), "{words}");
    }
}

#[test]
fn a_managed_assistant_says_when_there_is_credit_again() {
    let told = |credit| ModelError::OutOfCredit.told(credit);
    assert!(told(None).contains("My owner can top it up"), "{}", told(None));
    let managed = told(Some(Renewal::At(1_773_403_401_456)));
    assert!(
        managed.contains("credit is used up") && managed.contains("on March 13, 2026 (UTC)"),
        "{managed}"
    );
    assert!(managed.contains("owner can"), "{managed}");
    assert!(told(Some(Renewal::Sometime)).contains("when the next period is paid."));
    assert!(told(Some(Renewal::At(i64::MAX))).contains("when the next period is paid."));
    assert!(told(Some(Renewal::Never)).contains("not filled up again"));
    assert!(ModelError::KeyRejected.told(Some(Renewal::Sometime)).contains("redeploy me"));
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
