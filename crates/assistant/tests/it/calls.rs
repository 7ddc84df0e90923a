//! What calls of the model are reserved for and recorded as.

use reef_assistant::{Conversation, Permit, TurnOutcome, Verdict};
use reef_domain::settings::Settings as Behavior;
use serde_json::json;

use crate::fake::{FakeHost, answer, respond, text_update};

fn limited() -> Behavior {
    let mut behavior = Behavior::default();
    behavior.allowance.per_day_usd = Some("1.00".to_owned());
    behavior
}

#[tokio::test(start_paused = true)]
async fn call_without_allowance_reserves_nothing_and_is_recorded() {
    let reply = json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 20, "output_tokens": 3, "cache_read_input_tokens": 5}});
    let host = FakeHost::new().with_model_responses([respond(200, reply)]);
    host.turn(&text_update(1, "hi")).await.expect("answered");
    assert!(host.estimates().is_empty());
    let [call] = &host.recorded_calls()[..] else { panic!("one call") };
    let usage = call.usage.expect("the usage");
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cached_input_tokens), (25, 3, 5));
    assert_eq!(call.conversation, Conversation { chat_id: 7, thread_id: 0 });
    assert_eq!((call.telegram_user_id, call.is_answered, &call.reservation), (Some(7), true, &None));
}

#[tokio::test(start_paused = true)]
async fn call_with_allowance_reserves_the_most_that_it_may_take() {
    let host = FakeHost::new().with_admission(limited(), Verdict::Allowed);
    host.turn(&text_update(1, &"long ".repeat(1_000))).await.expect("answered");
    let [(input, output)] = host.estimates()[..] else { panic!("one reservation") };
    // The longest text has 1,000 tokens, and an answer that was only thought is asked for again with twice the budget.
    assert!(input > 1_000 && output == 3 * 8_192, "{input} {output}");
    assert_eq!(host.recorded_calls()[0].reservation.as_deref(), Some("r"));
}

#[tokio::test(start_paused = true)]
async fn failed_call_ends_its_reservation_and_has_used_nothing() {
    let refusal = || respond(401, json!({"error": {"type": "authentication_error", "message": "no"}}));
    let host = FakeHost::new().with_admission(limited(), Verdict::Allowed).with_model_responses([refusal()]);
    let outcome = host.turn(&text_update(1, "hi")).await.expect("an apology");
    assert!(matches!(outcome, TurnOutcome::Answered { model_error: Some(_) }));
    let [call] = &host.recorded_calls()[..] else { panic!("one call") };
    assert_eq!((call.is_answered, call.usage, call.reservation.as_deref()), (false, None, Some("r")));
}

#[tokio::test(start_paused = true)]
async fn spent_allowance_asks_no_model_and_says_when_it_continues() {
    // Midnight of 2 December 2026 in Berlin, which is the first of December in UTC.
    let until = 1_796_166_000_000;
    let behavior = Behavior { time_zone: "Europe/Berlin".to_owned(), ..limited() };
    let host = FakeHost::new()
        .with_admission(behavior, Verdict::Allowed)
        .with_permit(Permit::Exhausted { continues_at_unix_ms: until })
        .with_model_responses([answer("never")]);
    host.turn(&text_update(1, "hi")).await.expect("a sentence");
    assert!(host.calls("model").is_empty());
    assert_eq!(host.sent().len(), 1);
    assert!(
        host.sent()[0].starts_with("I've reached my spending limit. I'll be back on "),
        "{:?}",
        host.sent()
    );
    assert!(host.recorded_calls().is_empty() && host.conversation(7).is_empty());
}
