//! Tests of the model providers.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{World, expect, send};

const GREETING: &str = "Hello! How can I help you?";

fn anthropic(world: &World, key: &str, body: &Value) -> RequestBuilder {
    world
        .post("/sandbox/anthropic/v1/messages")
        .header("x-api-key", key)
        .header("anthropic-version", "2026-10-21")
        .json(body)
}

fn openai(world: &World, key: &str, body: &Value) -> RequestBuilder {
    world.post("/sandbox/openai/v1/chat/completions").bearer_auth(key).json(body)
}

fn google(world: &World, key: &str, model: &str, body: &Value) -> RequestBuilder {
    world
        .post(&format!("/sandbox/google/v1beta/models/{model}:generateContent"))
        .header("x-goog-api-key", key)
        .json(body)
}

fn openrouter(world: &World, key: &str, body: &Value) -> RequestBuilder {
    world.post("/sandbox/openrouter/api/v1/chat/completions").bearer_auth(key).json(body)
}

fn user_message(text: &str) -> Value {
    json!({"model": "claude-opus-5-5", "max_tokens": 4000, "messages": [{"role": "user", "content": text}]})
}

fn chat(text: &str) -> Value {
    json!({"model": "gpt-5.5", "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": text}]})
}

fn contents(text: &str) -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": text}]}]})
}

#[tokio::test]
async fn completions_have_the_format_of_each_vendor() {
    let world = World::start().await;
    let answer = expect(200, anthropic(&world, "sk-ant-1", &user_message("hello"))).await;
    assert_eq!(
        (&answer["content"][0]["text"], &answer["stop_reason"]),
        (&json!(GREETING), &json!("end_turn"))
    );
    let answer = expect(200, openai(&world, "sk-1", &chat("hello"))).await;
    assert_eq!(answer["choices"][0]["message"]["content"], GREETING);
    let answer = expect(200, google(&world, "AIza1", "gemini-3.5-flash", &contents("hello"))).await;
    assert_eq!(answer["candidates"][0]["content"]["parts"][0]["text"], GREETING);
    let answer = expect(200, openrouter(&world, "sk-or-v1-1", &chat("hello"))).await;
    assert!(answer["usage"]["cost"].as_f64().unwrap() > 0.0, "{answer}");
}

#[tokio::test]
async fn model_remembers_the_conversation() {
    let world = World::start().await;
    let messages = json!([
        {"role": "user", "content": "my name is Ada"}, {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": [{"type": "text", "text": "what is my name?"}]}]);
    let body = json!({"model": "claude-sonnet-5", "max_tokens": 50, "messages": messages});
    assert_eq!(expect(200, anthropic(&world, "k", &body)).await["content"][0]["text"], "Your name is Ada.");
    let long = expect(200, anthropic(&world, "k", &user_message("long"))).await;
    assert!(long["content"][0]["text"].as_str().unwrap().len() > 8_500);
    let mut short = user_message("long");
    short["max_tokens"] = json!(10);
    assert_eq!(expect(200, anthropic(&world, "k", &short)).await["stop_reason"], "max_tokens");
}

#[tokio::test]
async fn errors_have_the_format_of_each_vendor() {
    let world = World::start().await;
    for (text, status, kind) in [
        ("fail", 500, "api_error"),
        ("overloaded", 529, "overloaded_error"),
        ("limit", 429, "rate_limit_error"),
    ] {
        let answer = expect(status, anthropic(&world, "k", &user_message(text))).await;
        assert_eq!((&answer["type"], &answer["error"]["type"]), (&json!("error"), &json!(kind)));
    }
    assert_eq!(send(openai(&world, "k", &chat("limit"))).await.headers()["retry-after"], "2");
    expect(503, openai(&world, "k", &chat("overloaded"))).await;
    expect(503, google(&world, "k", "gemini-3.5-pro", &contents("overloaded"))).await;
    expect(500, openrouter(&world, "k", &chat("fail"))).await;
    for key in ["sk-refused-1", "refused"] {
        assert_eq!(
            expect(401, anthropic(&world, key, &user_message("x"))).await["error"]["type"],
            "authentication_error"
        );
        assert_eq!(expect(401, openai(&world, key, &chat("x"))).await["error"]["code"], "invalid_api_key");
        let google = expect(400, google(&world, key, "gemini-3.5-pro", &contents("x"))).await;
        assert_eq!(google["error"]["details"][0]["reason"], "API_KEY_INVALID");
        assert_eq!(expect(401, openrouter(&world, key, &chat("x"))).await["error"]["code"], 401);
        expect(401, world.get("/sandbox/openrouter/api/v1/key").bearer_auth(key)).await;
        expect(401, world.get("/sandbox/openai/v1/models").bearer_auth(key)).await;
    }
    let broke = expect(400, anthropic(&world, "sk-broke", &user_message("x"))).await;
    assert_eq!(broke["error"]["type"], "billing_error");
    assert_eq!(
        expect(429, openai(&world, "sk-broke", &chat("x"))).await["error"]["code"],
        "insufficient_quota"
    );
    assert_eq!(expect(402, openrouter(&world, "sk-broke", &chat("x"))).await["error"]["code"], 402);
    let listing = world
        .get("/sandbox/anthropic/v1/models?limit=1")
        .header("x-api-key", "sk-broke")
        .header("anthropic-version", "2023-06-01");
    assert_eq!(expect(200, listing).await["has_more"], true);
    let unknown =
        json!({"model": "claude-unknown", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(expect(404, anthropic(&world, "k", &unknown)).await["error"]["type"], "not_found_error");
    let unknown = json!({"model": "gpt-nonexistent", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(expect(404, openai(&world, "k", &unknown)).await["error"]["code"], "model_not_found");
    expect(404, world.get("/sandbox/openai/v1/models/gpt-unknown").bearer_auth("k")).await;
    expect(200, world.get("/sandbox/google/v1beta/models/gemini-3.5-flash").header("x-goog-api-key", "k"))
        .await;
}

#[tokio::test]
async fn malformed_bodies_are_rejected_as_vendors_do() {
    let world = World::start().await;
    let with = |name: &str, value: Value| {
        let mut body = user_message("hello");
        body[name] = value;
        body
    };
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    for (body, message) in [
        (json!({"model": "m", "messages": [turn("user", "x")]}), "max_tokens: Field required"),
        (with("max_completion_tokens", json!(1)), "max_completion_tokens: Extra inputs are not permitted"),
        (with("temperature", json!(1)), "temperature: not supported with anthropic-version 2026-10-21"),
        (with("max_tokens", json!(0)), "max_tokens: Input should be greater than or equal to 1"),
        (with("messages", json!([])), "messages: at least one message is required"),
        (
            with("messages", json!([turn("system", "x")])),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (
            with("messages", json!([turn("assistant", "x")])),
            "messages: first message must use the \"user\" role",
        ),
        (
            with("messages", json!([turn("user", " ")])),
            "messages.0: text content must be non-empty and contain non-whitespace text",
        ),
    ] {
        let answer = expect(400, anthropic(&world, "k", &body)).await;
        assert_eq!(answer["error"]["message"], message, "{body}");
    }
    // Two messages of a person in a row are one.
    let twice =
        with("messages", json!([turn("user", "my name is Ada"), turn("user", "and what is my name?")]));
    let merged = expect(200, anthropic(&world, "k", &twice)).await;
    assert_eq!(merged["content"][0]["text"], "Your name is Ada.");
    let path = "/sandbox/anthropic/v1/messages";
    expect(400, world.post(path).header("x-api-key", "k").json(&user_message("x"))).await;
    expect(401, world.post(path).header("anthropic-version", "2023-06-01").json(&user_message("x"))).await;
    let older = with("temperature", json!(0.5));
    expect(
        200,
        world.post(path).header("x-api-key", "k").header("anthropic-version", "2023-06-01").json(&older),
    )
    .await;
    let mut body = chat("hello");
    body["max_tokens"] = json!(5);
    assert_eq!(expect(400, openai(&world, "k", &body)).await["error"]["code"], "unsupported_parameter");
    body["surprise"] = json!(5);
    assert_eq!(expect(400, openai(&world, "k", &body)).await["error"]["code"], "unknown_parameter");
    expect(400, openai(&world, "k", &json!({"model": "gpt-5.5", "messages": []}))).await;
    expect(400, google(&world, "k", "gemini-3.5-pro", &json!({"contents": []}))).await;
    expect(
        400,
        google(
            &world,
            "k",
            "gemini-3.5-pro",
            &json!({"contents": [{"parts": [{"text": "x"}]}], "max_tokens": 1}),
        ),
    )
    .await;
}

#[tokio::test]
async fn streams_contain_the_same_reply() {
    let world = World::start().await;
    let text = "a sentence that is longer than a single piece of a stream";
    let whole = format!("You asked about “{text}”. I know Reef best: say “help” to see what I can do.");
    let mut body = user_message(text);
    body["stream"] = json!(true);
    let stream = send(anthropic(&world, "k", &body)).await.text().await.unwrap();
    assert!(
        stream.starts_with("event: message_start\n") && stream.ends_with("{\"type\":\"message_stop\"}\n\n"),
        "{stream}"
    );
    assert_eq!(joined(&stream, "/delta/text"), whole);
    let mut body = chat(text);
    body["stream"] = json!(true);
    let stream = send(openrouter(&world, "k", &body)).await.text().await.unwrap();
    assert!(
        stream.starts_with(": OPENROUTER PROCESSING\n\n") && stream.ends_with("data: [DONE]\n\n"),
        "{stream}"
    );
    assert_eq!(joined(&stream, "/choices/0/delta/content"), whole);
    let path = "/sandbox/google/v1beta/models/gemini-3.5-pro:streamGenerateContent?alt=sse&key=k";
    let stream = send(world.post(path).json(&contents(text))).await.text().await.unwrap();
    assert_eq!(joined(&stream, "/candidates/0/content/parts/0/text"), whole);
}

fn joined(stream: &str, pointer: &str) -> String {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    events.filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn openrouter_keys_count_their_usage() {
    let world = World::start().await;
    let (keys, manager) = ("/sandbox/openrouter/api/v1/keys", "sk-or-v1-management");
    expect(400, world.post(keys).bearer_auth(manager).json(&json!({"limit": 1}))).await;
    let made =
        expect(201, world.post(keys).bearer_auth(manager).json(&json!({"name": "slot", "limit": 0.0002})))
            .await;
    let (secret, one) =
        (made["key"].as_str().unwrap(), format!("{keys}/{}", made["data"]["hash"].as_str().unwrap()));
    expect(403, openrouter(&world, manager, &chat("x"))).await;
    expect(403, world.get(keys).bearer_auth(secret)).await;
    let spent =
        expect(200, openrouter(&world, secret, &chat("hello"))).await["usage"]["cost"].as_f64().unwrap();
    let own = expect(200, world.get("/sandbox/openrouter/api/v1/key").bearer_auth(secret)).await;
    assert_eq!((&own["data"]["usage"], &own["data"]["is_management_key"]), (&json!(spent), &json!(false)));
    expect(200, openrouter(&world, secret, &chat("hello"))).await;
    let empty = expect(402, openrouter(&world, secret, &chat("hello"))).await;
    assert_eq!(empty["error"]["metadata"]["limit_source"], "openrouter_key_limit");
    let more = expect(200, world.patch(&one).bearer_auth(manager).json(&json!({"limit": 5}))).await;
    assert!(more["data"]["limit_remaining"].as_f64().unwrap() > 4.9, "{more}");
    expect(200, openrouter(&world, secret, &chat("hello"))).await;
    expect(200, world.patch(&one).bearer_auth(manager).json(&json!({"disabled": true}))).await;
    expect(401, openrouter(&world, secret, &chat("hello"))).await;
    assert_eq!(expect(200, world.get(keys).bearer_auth(manager)).await["data"], json!([]));
    assert_eq!(expect(200, world.delete(&one).bearer_auth(manager)).await, json!({"deleted": true}));
    expect(404, world.delete(&one).bearer_auth(manager)).await;
}

#[tokio::test]
async fn model_lists_have_the_format_of_each_vendor() {
    let world = World::start().await;
    let list = expect(200, world.get("/sandbox/openrouter/api/v1/models")).await;
    let all = list["data"].as_array().unwrap();
    assert!(
        all.len() > 10
            && all.iter().all(|model| model["architecture"]["output_modalities"] == json!(["text"]))
    );
    let page = expect(200, world.get("/sandbox/openrouter/api/v1/models?limit=2&offset=1")).await;
    assert_eq!(page["data"].as_array().unwrap()[..], all[1..3]);
    expect(400, world.get("/sandbox/openrouter/api/v1/models?limit=0")).await;
    // A base URL without the version works too.
    assert_eq!(expect(200, world.get("/sandbox/openrouter/models")).await, list);
    let openai = expect(200, world.get("/sandbox/openai/models").bearer_auth("k")).await;
    assert_eq!((&openai["object"], openai["data"].as_array().unwrap().len()), (&json!("list"), 6));
    expect(404, world.get("/sandbox/openai/v2/models").bearer_auth("k")).await;
    let google = world.get("/sandbox/google/v1beta/models?pageSize=1").header("x-goog-api-key", "k");
    assert_eq!(expect(200, google).await["models"][0]["name"], "models/gemini-3.5-flash");
}

#[tokio::test]
async fn completion_over_the_limit_of_a_key_returns_402_with_what_it_can_afford() {
    let world = World::start().await;
    let keys = "/sandbox/openrouter/api/v1/keys";
    let order = json!({"name": "slot", "limit": 0.01});
    let made = expect(201, world.post(keys).bearer_auth("sk-or-v1-management").json(&order)).await;
    let secret = made["key"].as_str().unwrap();
    let within = |tokens: u64| {
        let mut body = chat("hello");
        body["max_tokens"] = json!(tokens);
        body
    };
    let refused = expect(402, openrouter(&world, secret, &within(8_192))).await;
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("You requested up to 8192 tokens, but can only afford 665."), "{message}");
    assert_eq!(refused["error"]["metadata"]["limit_source"], "openrouter_key_limit");
    expect(402, openrouter(&world, secret, &within(666))).await;
    expect(200, openrouter(&world, secret, &within(665))).await;
}

#[tokio::test]
async fn daily_limits_and_failed_successes_have_the_format_of_each_vendor() {
    let world = World::start().await;
    let limited = expect(429, openrouter(&world, "k", &chat("daily"))).await;
    let reset = &limited["error"]["metadata"]["headers"]["X-RateLimit-Reset"];
    assert_eq!(reset.as_str().unwrap().parse::<i64>().unwrap() % 86_400_000, 0, "{limited}");
    let limited = expect(429, openai(&world, "k", &chat("daily"))).await;
    assert!(limited["error"]["message"].as_str().unwrap().contains("per day (RPD)"), "{limited}");
    assert!(send(anthropic(&world, "k", &user_message("daily"))).await.headers().contains_key("retry-after"));
    let limited = expect(429, google(&world, "k", "gemini-3.5-pro", &contents("daily"))).await;
    let quota = &limited["error"]["details"][0]["violations"][0]["quotaId"];
    assert!(quota.as_str().unwrap().contains("PerDay"), "{limited}");

    let broken = expect(200, openrouter(&world, "k", &chat("network"))).await["choices"][0].clone();
    assert_eq!(
        (&broken["finish_reason"], &broken["native_finish_reason"]),
        (&json!("stop"), &json!("network_error"))
    );
    assert_eq!(broken["message"]["content"], "");
    let broken = expect(200, google(&world, "k", "gemini-3.5-pro", &contents("network"))).await;
    assert_eq!(broken["candidates"][0]["finishReason"], "OTHER");

    let thought = expect(200, openrouter(&world, "k", &chat("overthink"))).await["choices"][0].clone();
    assert_eq!((&thought["finish_reason"], &thought["message"]["content"]), (&json!("length"), &Value::Null));
    let thought = expect(200, anthropic(&world, "k", &user_message("overthink"))).await;
    assert_eq!((&thought["stop_reason"], &thought["content"]), (&json!("max_tokens"), &json!([])));
    let mut body = user_message("overthink");
    body["max_tokens"] = json!(16_384);
    let said = expect(200, anthropic(&world, "k", &body)).await;
    assert!(said["content"][0]["text"].as_str().unwrap().contains("“overthink”"), "{said}");
}
