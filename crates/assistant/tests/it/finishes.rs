//! Responses with status 200 that have no answer are retried like other failures.

use reef_assistant::{Settings, TurnOutcome, run_turn};
use reef_domain::wire::Provider;
use reef_protocols::model::ModelError;
use serde_json::{Value, json};

use crate::fake::{FakeHost, respond, settings, text_update};

fn choice(content: Value, finish: Value, native: Value) -> Value {
    json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": content},
        "finish_reason": finish, "native_finish_reason": native}]})
}

#[tokio::test(start_paused = true)]
async fn network_error_behind_empty_answer_is_retried() {
    let broken = || respond(200, choice(json!(""), json!("stop"), json!("network_error")));
    let openrouter = Settings { provider: Provider::Openrouter, ..settings() };
    let host = FakeHost::new().with_model_responses([
        broken(),
        respond(200, choice(Value::Null, json!("error"), json!("network_error"))),
        respond(200, choice(json!("there"), json!("stop"), json!("stop"))),
    ]);
    let outcome = run_turn(&host, &openrouter, &text_update(1, "hi")).await.unwrap();
    assert_eq!(outcome, TurnOutcome::Answered { model_error: None });
    assert_eq!(host.sent(), ["there"]);

    let host = FakeHost::new().with_model_responses([broken(), broken(), broken()]);
    let outcome = run_turn(&host, &openrouter, &text_update(1, "hi")).await.unwrap();
    assert_eq!(outcome, TurnOutcome::Answered { model_error: Some(ModelError::Unavailable) });
    assert_eq!(host.calls("model").len(), 3);
    assert_eq!(host.sent(), ["I can't answer right now. Please try again in a few minutes."]);
}
