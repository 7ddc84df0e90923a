//! Answers that need another token budget: a smaller one because the account cannot afford the first, or a larger one
//! because the model spent all of it on thinking.

use reef_assistant::{Settings, TurnOutcome, run_turn};
use reef_domain::wire::Provider;
use reef_protocols::model::ModelError;
use serde_json::{Value, json};

use crate::fake::{FakeHost, ScriptedResponse, respond, settings, text_update};

const ANSWERED: TurnOutcome = TurnOutcome::Answered { model_error: None };

fn failed(error: ModelError) -> TurnOutcome {
    TurnOutcome::Answered { model_error: Some(error) }
}

fn settings_for(provider: Provider) -> Settings {
    let model_id = match provider {
        Provider::Google => "gemini-3.5-flash".into(),
        _ => "some-model".into(),
    };
    Settings { provider, model_id, ..settings() }
}

fn unaffordable(tokens: &str) -> ScriptedResponse {
    refused(&format!(
        "This request requires more credits, or fewer max_tokens. You requested up to 8192 tokens, but can only afford \
         {tokens}. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account"
    ))
}

fn refused(message: &str) -> ScriptedResponse {
    respond(
        402,
        json!({"error": {"message": message, "code": 402, "metadata": {"provider_name": null}}, "user_id": "user_x"}),
    )
}

fn choice(content: Value, finish: &str) -> ScriptedResponse {
    respond(
        200,
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}]}),
    )
}

/// Runs a turn and returns its outcome, the bodies of the requests to the model, and the text that was sent.
async fn turn(
    provider: Provider,
    script: impl IntoIterator<Item = ScriptedResponse>,
) -> (TurnOutcome, Vec<Value>, String) {
    let host = FakeHost::new().with_model_responses(script);
    let outcome = run_turn(&host, &settings_for(provider), &text_update(1, "hi")).await.unwrap();
    let asked = host.calls("model").into_iter().map(|call| call.body).collect();
    (outcome, asked, host.sent().concat())
}

#[tokio::test(start_paused = true)]
async fn unaffordable_budget_is_retried_within_credit() {
    let (outcome, asked, said) =
        turn(Provider::Openrouter, [unaffordable("3919"), choice(json!("there"), "stop")]).await;
    assert_eq!((outcome, said.as_str()), (ANSWERED, "there"));
    assert_eq!((asked.len(), &asked[0]["max_tokens"]), (2, &json!(8192)));
    let tokens = asked[1]["max_tokens"].as_u64().unwrap();
    assert!((3_700..3_919).contains(&tokens), "a little below: {tokens}");
    assert!(asked[1].get("reasoning").is_none());
}

#[tokio::test(start_paused = true)]
async fn answer_truncated_by_credit_has_note() {
    let (_, _, said) =
        turn(Provider::Openrouter, [unaffordable("40"), choice(json!("Once upon"), "length")]).await;
    assert!(said.starts_with("Once upon") && said.contains("This answer is incomplete"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn second_rejection_is_out_of_credit() {
    let (outcome, asked, said) =
        turn(Provider::Openrouter, [unaffordable("3919"), unaffordable("3000")]).await;
    assert_eq!((outcome, asked.len()), (failed(ModelError::OutOfCredit), 2));
    assert!(said.contains("temporarily unavailable"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn rejection_without_number_is_not_retried() {
    for script in [
        unaffordable("0"),
        unaffordable("15"),
        unaffordable("-100"),
        unaffordable("a few"),
        unaffordable(""),
        unaffordable("8192"),
        unaffordable("99999"),
        unaffordable("99999999999999999999999999999999"),
        refused("Insufficient credits"),
        refused(
            "Prompt tokens limit exceeded: 230799 > 91442. To increase, visit https://openrouter.ai/settings/keys",
        ),
        respond(402, json!({"error": {"code": 402, "message": 3919}})),
        respond(402, json!("can only afford 3919")),
    ] {
        let (outcome, asked, _) = turn(Provider::Openrouter, [script]).await;
        assert_eq!((outcome, asked.len()), (failed(ModelError::OutOfCredit), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn affordable_number_is_parsed_in_any_format() {
    for (written, most) in [
        ("3919", 3_919),
        ("3,919", 3_919),
        ("3.919", 3_919),
        ("3 919", 3_919),
        ("3\u{a0}919", 3_919),
        ("3'919 tokens", 3_919),
        ("3919 tokens right now, 2 fewer than before", 3_919),
        ("3919.5", 3_919),
        ("16", 16),
        ("8191", 8_191),
        ("8,191", 8_191),
    ] {
        let (outcome, asked, _) =
            turn(Provider::Openrouter, [unaffordable(written), choice(json!("there"), "stop")]).await;
        assert_eq!((outcome, asked.len()), (ANSWERED, 2), "{written}");
        let tokens = asked[1]["max_tokens"].as_u64().unwrap();
        assert!(tokens >= 16 && tokens <= most && tokens * 100 >= most * 90, "{written}: {tokens}");
    }
    // The number also counts in an error with status 200.
    let inside = respond(
        200,
        json!({"error": {"code": 402, "message": "You requested up to 8192 tokens, but can only afford 3919"}}),
    );
    assert_eq!(turn(Provider::Openrouter, [inside, choice(json!("there"), "stop")]).await.0, ANSWERED);
}

/// An answer that consists of thinking alone, in each provider's format.
fn thinking_only(provider: Provider) -> ScriptedResponse {
    match provider {
        Provider::Anthropic => respond(
            200,
            json!({"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}], "stop_reason": "max_tokens"}),
        ),
        Provider::Openai | Provider::Openrouter => respond(
            200,
            json!({"choices": [{"index": 0, "finish_reason": "length", "native_finish_reason": "max_output_tokens",
                "message": {"role": "assistant", "content": null, "reasoning": "hm"}}],
                "usage": {"completion_tokens": 8192, "completion_tokens_details": {"reasoning_tokens": 8192}}}),
        ),
        Provider::Google => respond(
            200,
            json!({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}],
                "usageMetadata": {"thoughtsTokenCount": 8191}}),
        ),
    }
}

fn answer_of(provider: Provider) -> ScriptedResponse {
    match provider {
        Provider::Anthropic => crate::fake::answer("there"),
        Provider::Openai | Provider::Openrouter => choice(json!("there"), "stop"),
        Provider::Google => respond(
            200,
            json!({"candidates": [{"content": {"parts": [{"text": "there"}]}, "finishReason": "STOP"}]}),
        ),
    }
}

const ALL: [Provider; 4] = [Provider::Anthropic, Provider::Openai, Provider::Google, Provider::Openrouter];

#[tokio::test(start_paused = true)]
async fn thinking_only_answer_is_retried_with_larger_budget() {
    for provider in ALL {
        let (outcome, asked, words) = turn(provider, [thinking_only(provider), answer_of(provider)]).await;
        assert_eq!((outcome, words.as_str(), asked.len()), (ANSWERED, "there", 2), "{provider:?}");
        let (room, thinks_less) = match provider {
            Provider::Anthropic => ("/max_tokens", None),
            Provider::Openai => ("/max_completion_tokens", Some(("/reasoning_effort", json!("low")))),
            Provider::Openrouter => ("/max_tokens", Some(("/reasoning", json!({"effort": "low"})))),
            Provider::Google => (
                "/generationConfig/maxOutputTokens",
                Some(("/generationConfig/thinkingConfig", json!({"thinkingLevel": "LOW"}))),
            ),
        };
        assert_eq!(asked[0].pointer(room), Some(&json!(8192)));
        assert_eq!(asked[1].pointer(room), Some(&json!(16384)));
        if let Some((path, value)) = thinks_less {
            assert_eq!((asked[0].pointer(path), asked[1].pointer(path)), (None, Some(&value)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn second_thinking_only_answer_is_reported() {
    for provider in ALL {
        let (outcome, asked, words) =
            turn(provider, [thinking_only(provider), thinking_only(provider)]).await;
        assert_eq!((outcome, asked.len()), (failed(ModelError::ThinkingOnly), 2), "{provider:?}");
        assert!(words.contains("smaller parts"), "{words}");
    }
    // A model that cannot think less rejects the request with 400, which is not the reason to report.
    let unsupported = respond(
        400,
        json!({"error": {"message": "Unsupported value: 'reasoning_effort'", "type": "invalid_request_error"}}),
    );
    let (outcome, asked, _) = turn(Provider::Openai, [thinking_only(Provider::Openai), unsupported]).await;
    assert_eq!((outcome, asked.len()), (failed(ModelError::ThinkingOnly), 2));
}

#[tokio::test(start_paused = true)]
async fn older_gemini_gets_thinking_budget() {
    let host =
        FakeHost::new().with_model_responses([thinking_only(Provider::Google), answer_of(Provider::Google)]);
    let older = Settings { model_id: "models/gemini-2.5-pro".into(), ..settings_for(Provider::Google) };
    assert_eq!(run_turn(&host, &older, &text_update(1, "hi")).await.unwrap(), ANSWERED);
    let thinking = &host.calls("model")[1].body["generationConfig"]["thinkingConfig"];
    assert_eq!(*thinking, json!({"thinkingBudget": 1024}));
}

#[tokio::test(start_paused = true)]
async fn turn_may_need_both_budgets() {
    let openrouter = Provider::Openrouter;
    let script = [unaffordable("3919"), thinking_only(openrouter), answer_of(openrouter)];
    let (outcome, asked, _) = turn(openrouter, script).await;
    assert_eq!((outcome, asked.len()), (ANSWERED, 3));
    assert_eq!(asked[2]["max_tokens"], asked[1]["max_tokens"], "the credit does not allow more");
    assert_eq!(asked[2]["reasoning"], json!({"effort": "low"}));

    let script = [thinking_only(openrouter), unaffordable("9000"), answer_of(openrouter)];
    let (outcome, asked, _) = turn(openrouter, script).await;
    assert_eq!((outcome, asked.len()), (ANSWERED, 3));
    assert!((8_192..9_000).contains(&asked[2]["max_tokens"].as_u64().unwrap()));
    assert_eq!(asked[2]["reasoning"], json!({"effort": "low"}));
}
