//! Streams, attachments and tools at the model providers.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{World, expect, send};

/// `hello` in base64, and the beginning of its SHA-256.
const DATA: &str = "aGVsbG8=";
const HASH: &str = "SHA-256 2cf24dba5fb0";

fn anthropic(world: &World, path: &str, body: &Value) -> RequestBuilder {
    world
        .post(&format!("/sandbox/anthropic/v1/{path}"))
        .header("x-api-key", "k")
        .header("anthropic-version", "2026-10-21")
        .json(body)
}

fn openai(world: &World, body: &Value) -> RequestBuilder {
    world.post("/sandbox/openai/v1/chat/completions").bearer_auth("k").json(body)
}

fn openrouter(world: &World, body: &Value) -> RequestBuilder {
    world.post("/sandbox/openrouter/api/v1/chat/completions").bearer_auth("k").json(body)
}

fn google(world: &World, verb: &str, body: &Value) -> RequestBuilder {
    world
        .post(&format!("/sandbox/google/v1beta/models/gemini-3.5-pro:{verb}"))
        .header("x-goog-api-key", "k")
        .json(body)
}

/// Requests of all vendors for a stream that answers a text.
fn streams(world: &World, text: &str) -> [RequestBuilder; 4] {
    let messages = json!([{"role": "user", "content": text}]);
    let chat = json!({"model": "gpt-5.5", "messages": messages, "stream": true, "stream_options": {"include_usage": true}});
    [
        anthropic(
            world,
            "messages",
            &json!({"model": "claude-opus-5", "max_tokens": 9000, "messages": messages, "stream": true}),
        ),
        openai(world, &chat),
        openrouter(world, &chat),
        google(world, "streamGenerateContent?alt=sse", &json!({"contents": [{"parts": [{"text": text}]}]})),
    ]
}

fn data(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

fn text_of(events: &[Value]) -> String {
    let pointers = ["/delta/text", "/choices/0/delta/content", "/candidates/0/content/parts/0/text"];
    let texts = events.iter().flat_map(|event| pointers.iter().filter_map(|at| event.pointer(at)?.as_str()));
    texts.collect()
}

#[tokio::test]
async fn streams_end_with_what_they_cost() {
    let world = World::start().await;
    for request in streams(&world, "count to 30") {
        let stream = send(request).await.text().await.unwrap();
        let events = data(&stream);
        assert!(text_of(&events).ends_with("28, 29, 30."), "{stream}");
        assert!(events.len() > 5, "it comes in pieces: {stream}");
        let usage = events.iter().rev().find_map(|event| {
            let pointers =
                ["/usage/output_tokens", "/usage/completion_tokens", "/usageMetadata/candidatesTokenCount"];
            pointers.iter().find_map(|at| event.pointer(at)?.as_i64())
        });
        assert_eq!(usage, Some(28), "{stream}");
    }
    let [_, _, request, _] = streams(&world, "hello");
    let stream = send(request).await.text().await.unwrap();
    assert!(data(&stream).last().unwrap()["usage"]["cost"].as_f64().unwrap() > 0.0, "{stream}");
}

#[tokio::test]
async fn stream_that_fails_halfway_ends_with_an_error() {
    let world = World::start().await;
    for request in streams(&world, "fail halfway") {
        let response = send(request).await;
        assert_eq!(response.status(), 200);
        let stream = response.text().await.unwrap();
        let events = data(&stream);
        assert!(text_of(&events).starts_with("This answer starts well"), "{stream}");
        assert!(events.last().unwrap()["error"].is_object(), "{stream}");
        assert!(
            !stream.contains("message_stop") && !stream.contains("[DONE]") && !stream.contains("STOP"),
            "{stream}"
        );
    }
    let body = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "fail halfway"}]});
    expect(500, openai(&world, &body)).await;
}

#[tokio::test]
async fn attachments_are_described_by_every_vendor() {
    let world = World::start().await;
    let (image, pdf) = ("image/png, 5 bytes", "application/pdf, 5 bytes");
    let source = |kind: &str| json!({"type": "base64", "media_type": kind, "data": DATA});
    let content = json!([{"type": "image", "source": source("image/png")},
        {"type": "document", "source": source("application/pdf"), "title": "a.pdf"}, {"type": "text", "text": "What is it?"}]);
    let message = |content: &Value| json!({"model": "claude-opus-5", "max_tokens": 900, "messages": [{"role": "user", "content": content}]});
    let answer =
        expect(200, anthropic(&world, "messages", &message(&content))).await["content"][0]["text"].clone();
    let answer = answer.as_str().unwrap();
    assert!(
        answer.contains("What is it?")
            && answer.contains(image)
            && answer.contains(pdf)
            && answer.contains(HASH),
        "{answer}"
    );

    let url = |kind: &str| format!("data:{kind};base64,{DATA}");
    let parts = json!([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url("image/png")}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": url("application/pdf")}},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}}]);
    let chat = |parts: &Value| json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": parts}]});
    for request in [openai(&world, &chat(&parts)), openrouter(&world, &chat(&parts))] {
        let answer = expect(200, request).await["choices"][0]["message"]["content"].clone();
        let answer = answer.as_str().unwrap();
        assert!(
            answer.contains(image) && answer.contains(pdf) && answer.contains("audio/mp3, 5 bytes"),
            "{answer}"
        );
    }

    let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": DATA}});
    let contents = |part: Value| json!({"contents": [{"parts": [part, {"text": "What is it?"}]}]});
    let answer = expect(200, google(&world, "generateContent", &contents(inline("audio/ogg")))).await;
    let answer = answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(answer.contains("a sound (audio/ogg, 5 bytes") && answer.contains(HASH), "{answer}");

    // What vendors refuse.
    let bad = |media_type: &str, data: &str| {
        message(
            &json!([{"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}]),
        )
    };
    for body in [bad("image/heic", DATA), bad("image/png", "no base64!"), bad("image/png", "")] {
        expect(400, anthropic(&world, "messages", &body)).await;
    }
    let large = "A".repeat(5 * 1024 * 1024 + 4);
    let refused = expect(400, anthropic(&world, "messages", &bad("image/png", &large))).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("exceeds 5 MB maximum"), "{refused}");
    let part = |part: Value| chat(&json!([part]));
    for body in [
        part(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,no!"}})),
        part(json!({"type": "image_url", "image_url": {"url": url("audio/ogg")}})),
        part(json!({"type": "file", "file": {"file_data": url("application/pdf")}})),
        part(json!({"type": "input_audio", "input_audio": {"data": DATA, "format": "oga"}})),
        part(json!({"type": "hologram"})),
    ] {
        expect(400, openai(&world, &body)).await;
    }
    expect(400, google(&world, "generateContent", &contents(inline("image/gif")))).await;
    // The log does not keep files.
    let log = expect(200, world.get("/sandbox/requests?vendor=anthropic")).await.to_string();
    assert!(log.len() < 20_000 && log.contains("(5242884 bytes)"), "{} bytes", log.len());
}

#[tokio::test]
async fn tools_and_their_results_are_accepted() {
    let world = World::start().await;
    let messages = json!([{"role": "user", "content": "what is the weather?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Kiel"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "windy"}]}]);
    let tools = json!([{"name": "weather", "input_schema": {"type": "object"}}]);
    let body = json!({"model": "claude-opus-5", "max_tokens": 900, "messages": messages, "tools": tools});
    let answer = expect(200, anthropic(&world, "messages", &body)).await;
    assert!(answer["content"][0]["text"].as_str().unwrap().contains("windy"), "{answer}");

    let messages = json!([{"role": "user", "content": "what is the weather?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "windy"}]);
    for request in [
        openai(&world, &json!({"model": "gpt-5.5", "messages": messages})),
        openrouter(&world, &json!({"model": "m", "messages": messages})),
    ] {
        let answer = expect(200, request).await;
        assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("windy"), "{answer}");
    }
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "what is the weather?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "windy"}}}]}]});
    let answer = expect(200, google(&world, "generateContent", &contents)).await;
    assert!(answer.to_string().contains("windy"), "{answer}");
}

#[tokio::test]
async fn tokens_are_counted_and_speech_is_transcribed() {
    let world = World::start().await;
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": "claude-opus-5", "messages": messages});
    assert_eq!(
        expect(200, anthropic(&world, "messages/count_tokens", &body)).await,
        json!({"input_tokens": 6})
    );
    let contents = json!({"contents": [{"parts": [{"text": "hello"}]}]});
    assert_eq!(expect(200, google(&world, "countTokens", &contents)).await["totalTokens"], 6);
    let unknown = json!({"model": "no-such-model", "messages": messages});
    assert_eq!(expect(404, openai(&world, &unknown)).await["error"]["code"], "model_not_found");

    let form = |model: &str, name: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: audio/ogg\r\n\r\nhello\r\n--b--\r\n"
        );
        world
            .post("/sandbox/openai/v1/audio/transcriptions")
            .bearer_auth("k")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(body)
    };
    let heard = expect(200, form("gpt-4o-mini-transcribe", "a.ogg")).await;
    assert!(heard["text"].as_str().unwrap().contains("audio/ogg, 5 bytes, SHA-256 2cf24dba5fb0"), "{heard}");
    expect(400, form("whisper-1", "a.exe")).await;
    expect(404, form("gpt-5", "a.ogg")).await;
}
