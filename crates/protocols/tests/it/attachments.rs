//! Attachments in each provider's format, which models take which, and transcriptions.

use reef_domain::wire::Provider;
use reef_protocols::HttpResponse;
use reef_protocols::model::{
    Attachment, AttachmentKind, Model, ModelError, TokenBudget, Turn, Usage, accepts, attachment_bytes_max,
    default_url, read_transcription, stream_request, transcription_request,
};
use serde_json::{Value, json};

fn attachment(kind: AttachmentKind, media_type: &str, name: Option<&str>) -> Attachment {
    Attachment {
        kind,
        media_type: media_type.into(),
        file_name: name.map(str::to_owned),
        bytes: b"\xff\xd8bytes".to_vec(),
    }
}

/// `b"\xff\xd8bytes"` in base64.
const DATA: &str = "/9hieXRlcw==";

fn model(provider: Provider) -> Model<'static> {
    Model { provider, provider_url: default_url(provider), id: "m", api_key: "k" }
}

fn body(provider: Provider, text: &str, attachments: &[Attachment]) -> Value {
    let turns = [Turn::user("before"), Turn::assistant("a"), Turn::user(text)];
    let request = stream_request(model(provider), "s", &turns, attachments, TokenBudget::default());
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn attachments_have_the_format_of_each_provider() {
    let image = attachment(AttachmentKind::Image, "image/jpeg", None);
    let pdf = attachment(AttachmentKind::Document, "application/pdf", Some("a \"b\".pdf"));
    let voice = attachment(AttachmentKind::Audio, "audio/mpeg; x=y", None);
    let all = [image, pdf, voice];

    let messages = body(Provider::Anthropic, "what is it?", &all)["messages"].clone();
    assert_eq!(messages[0]["content"], "before");
    let source = |kind: &str| json!({"type": "base64", "media_type": kind, "data": DATA});
    assert_eq!(
        messages[2]["content"],
        json!([{"type": "image", "source": source("image/jpeg")},
            {"type": "document", "source": source("application/pdf"), "title": "a \"b\".pdf"},
            {"type": "text", "text": "what is it?"}])
    );
    assert_eq!(
        body(Provider::Anthropic, " ", &all[..1])["messages"][2]["content"].as_array().unwrap().len(),
        1
    );

    for provider in [Provider::Openai, Provider::Openrouter] {
        let messages = body(provider, "what is it?", &all)["messages"].clone();
        assert_eq!(messages[1]["content"], "before");
        assert_eq!(
            messages[3]["content"],
            json!([{"type": "text", "text": "what is it?"},
                {"type": "image_url", "image_url": {"url": format!("data:image/jpeg;base64,{DATA}")}},
                {"type": "file", "file": {"filename": "a \"b\".pdf", "file_data": format!("data:application/pdf;base64,{DATA}")}},
                {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}}])
        );
    }

    let contents = body(Provider::Google, "what is it?", &all)["contents"].clone();
    assert_eq!(contents[0]["parts"], json!([{"text": "before"}]));
    let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": DATA}});
    assert_eq!(
        contents[2]["parts"],
        json!([inline("image/jpeg"), inline("application/pdf"), inline("audio/mp3"), {"text": "what is it?"}])
    );
}

#[test]
fn models_accept_what_their_makers_document() {
    use AttachmentKind::{Audio, Document, Image};
    use Provider::{Anthropic, Google, Openai, Openrouter};
    for (provider, id, kind, media_type, expected) in [
        (Anthropic, "claude-opus-5-5", Image, "image/webp", true),
        (Anthropic, "claude-opus-5-5", Image, "image/heic", false),
        (Anthropic, "claude-opus-5-5", Document, "application/pdf", true),
        (Anthropic, "claude-opus-5-5", Document, "text/plain", false),
        (Anthropic, "claude-opus-5-5", Audio, "audio/ogg", false),
        (Anthropic, "claude-2.1", Image, "image/png", false),
        (Openai, "gpt-5.5", Image, "image/gif", true),
        (Openai, "gpt-5.5", Document, "application/pdf", true),
        (Openai, "gpt-5.5", Audio, "audio/mpeg", false),
        (Openai, "gpt-4o-mini", Image, "image/jpeg", true),
        (Openai, "o3-mini", Image, "image/jpeg", false),
        (Openai, "gpt-3.5-turbo", Image, "image/jpeg", false),
        (Openai, "gpt-4o-audio-preview", Audio, "audio/wav", true),
        (Openai, "gpt-4o-audio-preview", Audio, "audio/ogg", false),
        (Openai, "gpt-4o-audio-preview", Image, "image/jpeg", false),
        (Google, "models/gemini-3.5-flash", Audio, "audio/ogg; codecs=opus", true),
        (Google, "gemini-3.5-flash", Audio, "AUDIO/MPEG", true),
        (Google, "gemini-3.5-flash", Document, "application/pdf", true),
        (Google, "gemini-3.5-flash", Image, "image/gif", false),
        (Google, "gemini-embedding-001", Image, "image/png", false),
        (Openrouter, "anthropic/claude-opus-5.5:online", Image, "image/png", true),
        (Openrouter, "anthropic/claude-opus-5.5", Audio, "audio/ogg", false),
        (Openrouter, "google/gemini-3.5-pro", Audio, "audio/ogg", true),
        (Openrouter, "openai/gpt-5.5", Document, "application/pdf", true),
        (Openrouter, "x-ai/grok-4", Image, "image/png", true),
        (Openrouter, "x-ai/grok-4", Document, "application/pdf", false),
        (Openrouter, "unknown/model", Image, "image/png", false),
    ] {
        assert_eq!(accepts(provider, id, kind, media_type), expected, "{id} {kind:?} {media_type}");
    }
    // Telegram's limit for bots is 20 MB, so Anthropic's for images is the one that matters most: 5 MiB in base64.
    assert_eq!(attachment_bytes_max(Anthropic, Image).div_ceil(3) * 4, 5 * 1024 * 1024);
    for provider in Provider::ALL {
        for kind in [Image, Document, Audio] {
            assert!(attachment_bytes_max(*provider, kind) >= 3_900_000, "{provider:?} {kind:?}");
        }
    }
}

#[test]
fn transcription_is_a_form_with_the_sound() {
    let voice = Attachment {
        bytes: b"--reef-boundary-0\r\n\x00\xff".to_vec(),
        ..attachment(AttachmentKind::Audio, "audio/ogg; codecs=opus", Some("x\r\n.oga"))
    };
    let request = transcription_request(model(Provider::Openai), &voice).unwrap();
    assert_eq!(request.url, "https://api.openai.com/v1/audio/transcriptions");
    assert!(request.headers.contains(&("authorization", "Bearer k".into())), "{:?}", request.headers);
    let kind = &request.headers.iter().find(|(name, _)| *name == "content-type").unwrap().1;
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8_lossy(&request.body);
    let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "the sound cannot end a part: {text}");
    assert!(parts[1].ends_with("name=\"model\"\r\n\r\ngpt-4o-mini-transcribe\r\n"), "{text}");
    assert!(
        parts[3].contains("filename=\"audio.ogg\"\r\ncontent-type: audio/ogg\r\n\r\n--reef-boundary-0"),
        "{text}"
    );
    assert_eq!(parts[4], "--\r\n");
    assert!(request.body.windows(voice.bytes.len()).any(|window| window == voice.bytes));
    for provider in [Provider::Anthropic, Provider::Google, Provider::Openrouter] {
        assert_eq!(transcription_request(model(provider), &voice), None);
    }

    let read = |status: u16, body: Value| {
        let body = body.to_string().into_bytes();
        read_transcription(&HttpResponse { status, retry_after_s: None, headers: Vec::new(), body }, 0)
    };
    let spoken = json!({"text": " Hello there. ", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 45}});
    let answer = read(200, spoken).unwrap();
    let usage = Usage { input_tokens: 14, output_tokens: 45, cached_input_tokens: 0, cost_micro_usd: None };
    assert_eq!((answer.text.as_str(), answer.usage), ("Hello there.", Some(usage)));
    assert_eq!(read(200, json!({"text": ""})), Err(ModelError::EmptyAnswer));
    assert_eq!(read(200, json!({})), Err(ModelError::UnexpectedResponse));
    let refused =
        json!({"error": {"message": "m", "type": "invalid_request_error", "code": "invalid_api_key"}});
    assert_eq!(read(401, refused), Err(ModelError::KeyRejected));
}
