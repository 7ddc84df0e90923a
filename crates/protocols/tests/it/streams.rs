//! Streams as each provider sends them: whole, cut anywhere, interrupted, with errors in the middle.

use proptest::prelude::*;
use reef_domain::wire::Provider;
use reef_protocols::HttpResponse;
use reef_protocols::model::{
    ANSWER_CHARS_MAX, Answer, AnswerStream, Model, ModelError, TokenBudget, Turn, Usage, chat_request,
    default_url, read_answer, stream_request,
};
use serde_json::{Value, json};

use crate::stream_examples::{ANTHROPIC, GOOGLE, OPENAI, RECORDED};

/// Feeds a stream in pieces of this many bytes. Returns the visible text and the answer.
fn feed(provider: Provider, bytes: &[u8], piece_bytes: usize) -> (String, Result<Answer, ModelError>) {
    let mut stream = AnswerStream::new(provider);
    let mut visible = String::new();
    for piece in bytes.chunks(piece_bytes.max(1)) {
        match stream.push(piece) {
            Ok(text) => visible.push_str(&text),
            Err(error) => {
                assert_eq!(stream.finish(), Err(error), "the error stays");
                return (visible, Err(error));
            }
        }
    }
    (visible, stream.finish())
}

fn events(events: &[Value]) -> String {
    events.iter().map(|event| format!("data: {event}\n\n")).collect()
}

fn usage(
    input_tokens: u64,
    output_tokens: u64,
    cached_input_tokens: u64,
    cost: Option<i64>,
) -> Option<Usage> {
    Some(Usage { input_tokens, output_tokens, cached_input_tokens, cost_micro_usd: cost })
}

#[test]
fn recorded_streams_are_read() {
    for (provider, stream) in RECORDED {
        let cost = (provider == Provider::Openrouter).then_some(1235);
        let expected =
            Answer { text: "Grüße, 🌊!".into(), is_truncated: false, usage: usage(128, 15, 100, cost) };
        for piece_bytes in [1, 2, 3, 7, 100, usize::MAX] {
            let (visible, answer) = feed(provider, stream.as_bytes(), piece_bytes);
            assert_eq!((visible.as_str(), answer), ("Grüße, 🌊!\n", Ok(expected.clone())), "{provider:?}");
        }
    }
}

#[test]
fn text_is_visible_before_the_stream_ends() {
    for (provider, stream) in RECORDED {
        let mut reader = AnswerStream::new(provider);
        let end = stream.find('🌊').unwrap();
        let line_end = end + stream[end..].find('\n').unwrap() + 1;
        let mut visible = reader.push(&stream.as_bytes()[..line_end]).unwrap();
        visible += &reader.push(b"\r\n").unwrap();
        assert!(visible.contains("Grüße, 🌊!"), "{provider:?}: {visible}");
    }
}

#[test]
fn interrupted_streams_are_unavailable() {
    for (provider, stream) in RECORDED {
        let is_end = |at: usize| {
            [
                "\"stop_reason\":\"end_turn\"",
                "finish_reason\":\"stop\"",
                "finishReason\\\": \\\"STOP",
                "\"finishReason\": \"STOP\"",
            ]
            .iter()
            .any(|words| stream[..at].contains(words))
        };
        let cuts = (0..stream.len()).filter(|at| stream.is_char_boundary(*at) && !is_end(*at));
        for at in cuts {
            let (_, answer) = feed(provider, &stream.as_bytes()[..at], 512);
            assert_eq!(answer, Err(ModelError::Unavailable), "{provider:?} at {at}");
        }
    }
}

#[test]
fn errors_in_the_middle_are_classified() {
    let limited = ModelError::RateLimited { retry_after_s: None };
    let chunk = |error: Value| {
        json!({"id": "gen-1", "object": "chat.completion.chunk", "error": error,
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]})
    };
    for (provider, event, expected) in [
        (
            Provider::Anthropic,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "r"}),
            ModelError::Overloaded,
        ),
        (
            Provider::Anthropic,
            json!({"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}),
            ModelError::Unavailable,
        ),
        (
            Provider::Anthropic,
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}),
            limited,
        ),
        (
            Provider::Openai,
            json!({"error": {"message": "The server had an error", "type": "server_error", "param": null, "code": null}}),
            ModelError::Unavailable,
        ),
        (
            Provider::Openrouter,
            chunk(json!({"code": "server_error", "message": "Provider disconnected"})),
            ModelError::Unavailable,
        ),
        (Provider::Openrouter, chunk(json!({"code": 429, "message": "m"})), limited),
        (
            Provider::Openrouter,
            chunk(json!({"code": 429, "message": "Rate limit exceeded: free-models-per-day"})),
            ModelError::LimitReached { is_daily: true, reset: None },
        ),
        (Provider::Openrouter, chunk(json!({"code": 402, "message": "m"})), ModelError::OutOfCredit),
        (
            Provider::Google,
            json!({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}),
            ModelError::Overloaded,
        ),
    ] {
        let (_, recorded) = RECORDED.iter().find(|(of, _)| *of == provider).unwrap();
        let start = &recorded[..recorded.find('🌊').unwrap()];
        // The events that are complete.
        let start = &start[..start.rfind("data:").unwrap()];
        for (before, shown) in [("", ""), (start, if start.contains("Grüße") { "Grüße" } else { "" })] {
            let stream = format!("{before}data: {event}\n\ndata: [DONE]\n\n");
            for piece_bytes in [1, 50, usize::MAX] {
                let (visible, answer) = feed(provider, stream.as_bytes(), piece_bytes);
                assert_eq!((visible.as_str(), answer), (shown, Err(expected)), "{provider:?}: {event}");
            }
        }
    }
}

#[test]
fn ends_without_text_and_truncated_answers_are_read_as_whole_ones() {
    let anthropic = |reason: &str| {
        events(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ])
    };
    let openai = |delta: Value, reason: &str| {
        events(&[
            json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
        ])
    };
    let google = |reason: &str| events(&[json!({"candidates": [{"content": {}, "finishReason": reason}]})]);
    for (provider, stream, expected) in [
        (Provider::Anthropic, anthropic("refusal"), ModelError::Declined),
        (Provider::Anthropic, anthropic("max_tokens"), ModelError::ThinkingOnly),
        (Provider::Anthropic, anthropic("end_turn"), ModelError::EmptyAnswer),
        (Provider::Openai, openai(json!({"refusal": "I cannot"}), "stop"), ModelError::Declined),
        (Provider::Openai, openai(json!({}), "length"), ModelError::ThinkingOnly),
        (Provider::Openai, openai(json!({"content": " "}), "stop"), ModelError::EmptyAnswer),
        (Provider::Openrouter, openai(json!({"content": "half"}), "error"), ModelError::Unavailable),
        (Provider::Google, google("SAFETY"), ModelError::Declined),
        (Provider::Google, google("OTHER"), ModelError::Unavailable),
        (
            Provider::Google,
            events(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]),
            ModelError::Declined,
        ),
    ] {
        assert_eq!(feed(provider, stream.as_bytes(), 5).1, Err(expected), "{stream}");
    }
    for (provider, stream) in [
        (Provider::Anthropic, ANTHROPIC.replace("end_turn", "max_tokens")),
        (Provider::Openai, OPENAI.replace("\"stop\"", "\"length\"")),
        (Provider::Google, GOOGLE.replace("STOP", "MAX_TOKENS")),
    ] {
        assert!(feed(provider, stream.as_bytes(), 5).1.unwrap().is_truncated, "{provider:?}");
    }
}

#[test]
fn body_that_is_not_a_stream_is_read() {
    let openai = json!({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": null});
    let anthropic = json!({"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"});
    let google = json!([{"candidates": [{"content": {"parts": [{"text": "h"}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "i"}]}, "finishReason": "STOP"}]}]);
    for (provider, body) in
        [(Provider::Openai, openai), (Provider::Anthropic, anthropic), (Provider::Google, google)]
    {
        let (visible, answer) = feed(provider, format!("\n {body:#}\n").as_bytes(), 3);
        assert_eq!((visible.as_str(), answer.unwrap().text.as_str()), ("", "hi"), "{provider:?}");
    }
    let failed = json!({"error": {"code": 502, "message": "m"}}).to_string();
    assert_eq!(feed(Provider::Openrouter, failed.as_bytes(), 3).1, Err(ModelError::Unavailable));
    assert_eq!(feed(Provider::Openrouter, b"{\"choices\": [", 3).1, Err(ModelError::Unavailable));
    assert_eq!(feed(Provider::Openai, b"<html>Bad gateway</html>", 3).1, Err(ModelError::Unavailable));
    assert_eq!(feed(Provider::Openai, b"", 3).1, Err(ModelError::Unavailable));
}

#[test]
fn streams_are_bounded() {
    let endless = [b'x'; 1024];
    for start in ["data: ", "{", "data: \ndata: "] {
        let mut stream = AnswerStream::new(Provider::Openai);
        stream.push(start.as_bytes()).unwrap();
        let refused = (0..2048).find_map(|_| stream.push(&endless).err());
        assert_eq!(refused, Some(ModelError::UnexpectedResponse), "{start}");
    }
    let mut stream = AnswerStream::new(Provider::Openai);
    let chunk = events(&[json!({"choices": [{"delta": {"content": "é".repeat(1000)}}]})]);
    let visible: String = (0..100).map(|_| stream.push(chunk.as_bytes()).unwrap()).collect();
    stream.push(events(&[json!({"choices": [{"delta": {}, "finish_reason": "stop"}]})]).as_bytes()).unwrap();
    let answer = stream.finish().unwrap();
    assert_eq!((visible.chars().count(), answer.is_truncated), (ANSWER_CHARS_MAX, true));
    assert_eq!(visible, answer.text);
}

#[test]
fn stream_request_differs_only_in_what_asks_for_a_stream() {
    let turns = [Turn::user("q")];
    for (provider, suffix, extra) in [
        (Provider::Anthropic, "/v1/messages", json!({"stream": true})),
        (
            Provider::Openai,
            "/chat/completions",
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ),
        (
            Provider::Openrouter,
            "/chat/completions",
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ),
        (Provider::Google, "/v1beta/models/m:streamGenerateContent?alt=sse", json!({})),
    ] {
        let model = Model { provider, provider_url: default_url(provider), id: "m", api_key: "k" };
        let whole = chat_request(model, "s", &turns, &[], TokenBudget::default());
        let streamed = stream_request(model, "s", &turns, &[], TokenBudget::default());
        assert!(streamed.url.ends_with(suffix), "{}", streamed.url);
        assert_eq!((&streamed.headers, streamed.method), (&whole.headers, whole.method));
        let mut expected: Value = serde_json::from_slice(&whole.body).unwrap();
        expected.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(serde_json::from_slice::<Value>(&streamed.body).unwrap(), expected);
    }
}

#[test]
fn usage_of_whole_answers_is_read() {
    let read = |provider, body: Value| {
        let body = body.to_string().into_bytes();
        let response = HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body };
        read_answer(provider, &response, 0).unwrap().usage
    };
    let anthropic = json!({"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 11, "cache_creation_input_tokens": null}});
    assert_eq!(read(Provider::Anthropic, anthropic), usage(16, 7, 11, None));
    let choice = json!([{"message": {"content": "hi"}, "finish_reason": "stop"}]);
    let tokens = |cost: Value| json!({"prompt_tokens": 5, "completion_tokens": 7, "cost": cost});
    for (cost, expected) in [
        (json!(0.0000005), Some(1)),
        (json!(0.00000049), Some(0)),
        (json!(1), Some(1_000_000)),
        (json!(-1), None),
        (json!(1e300), None),
        (Value::Null, None),
    ] {
        let body = json!({"choices": choice, "usage": tokens(cost)});
        assert_eq!(read(Provider::Openrouter, body), usage(5, 7, 0, expected));
    }
    assert_eq!(read(Provider::Openai, json!({"choices": choice})), None);
    let google = json!({"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 4, "cachedContentTokenCount": 2}});
    assert_eq!(read(Provider::Google, google), usage(5, 11, 2, None));
}

/// A stream of texts in a provider's format.
fn stream_of(provider: Provider, texts: &[String]) -> String {
    let mut all = Vec::new();
    for text in texts {
        all.push(match provider {
            Provider::Anthropic => {
                json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}})
            }
            Provider::Google => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
            _ => json!({"choices": [{"delta": {"content": text}, "finish_reason": null}]}),
        });
    }
    all.push(match provider {
        Provider::Anthropic => json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        Provider::Google => json!({"candidates": [{"content": {}, "finishReason": "STOP"}]}),
        _ => json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    });
    events(&all)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn pieces_of_any_size_yield_the_same_answer(
        texts in prop::collection::vec("\\PC{0,12}[ \n]?", 0..8),
        piece_bytes in 1_usize..40,
        provider in prop::sample::select(Provider::ALL),
    ) {
        let stream = stream_of(provider, &texts);
        let whole = feed(provider, stream.as_bytes(), usize::MAX);
        prop_assert_eq!(&feed(provider, stream.as_bytes(), 1), &whole);
        prop_assert_eq!(&feed(provider, stream.as_bytes(), piece_bytes), &whole);
        let expected = texts.concat();
        match whole.1 {
            Ok(answer) => {
                prop_assert_eq!(answer.text.as_str(), expected.trim());
                prop_assert_eq!(whole.0.trim_end(), expected.trim());
            }
            Err(error) => {
                prop_assert_eq!(error, ModelError::EmptyAnswer);
                prop_assert_eq!(expected.trim(), "");
            }
        }
    }

    #[test]
    fn any_bytes_are_read(
        provider in prop::sample::select(Provider::ALL),
        start in prop::sample::select(vec!["", "data: ", "{", "[", ": x\n\n", "data: {\"choices\":"]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        piece_bytes in 1_usize..40,
    ) {
        let stream = [start.as_bytes(), &bytes].concat();
        prop_assert_eq!(feed(provider, &stream, piece_bytes), feed(provider, &stream, 1));
    }

    #[test]
    fn changed_streams_are_read_the_same_in_any_pieces(
        recorded in prop::sample::select(&RECORDED[..]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        piece_bytes in 1_usize..400,
    ) {
        let (provider, stream) = recorded;
        let mut stream = stream.as_bytes().to_vec();
        let at = at.index(stream.len());
        stream[at] = byte;
        prop_assert_eq!(feed(provider, &stream, piece_bytes), feed(provider, &stream, 1));
    }
}
