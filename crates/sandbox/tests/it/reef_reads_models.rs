//! The sandbox's models as Reef's own code requests and reads them.

use reef_domain::wire::Provider;
use reef_protocols::model::{
    Answer, AnswerStream, Attachment, AttachmentKind, Model, ModelError, TokenBudget, Turn,
    read_transcription, stream_request, transcription_request,
};
use reef_protocols::{HttpRequest, HttpResponse};

use crate::harness::World;

/// The sandbox's addresses, as Reef is configured with them.
const PROVIDERS: [(Provider, &str, &str); 4] = [
    (Provider::Anthropic, "/sandbox/anthropic", "claude-opus-5-5"),
    (Provider::Openai, "/sandbox/openai/v1", "gpt-5.5"),
    (Provider::Google, "/sandbox/google", "gemini-3.5-flash"),
    (Provider::Openrouter, "/sandbox/openrouter/api/v1", "anthropic/claude-opus-5.5"),
];

async fn send_built(world: &World, request: HttpRequest) -> reqwest::Response {
    let mut builder = world.http.post(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    builder.body(request.body).send().await.unwrap()
}

/// Streams an answer by Reef's own code. Returns the number of visible pieces, too.
async fn stream_answer(
    world: &World,
    (provider, path, id): (Provider, &str, &str),
    text: &str,
    attachments: &[Attachment],
) -> (usize, String, Result<Answer, ModelError>) {
    let provider_url = format!("{}{path}", world.base);
    let model = Model { provider, provider_url: &provider_url, id, api_key: "k" };
    let request = stream_request(model, "Be kind.", &[Turn::user(text)], attachments, TokenBudget::default());
    let mut response = send_built(world, request).await;
    assert_eq!(response.status(), 200, "{provider:?}");
    let (mut stream, mut pieces, mut visible) = (AnswerStream::new(provider), 0, String::new());
    while let Some(chunk) = response.chunk().await.unwrap() {
        match stream.push(&chunk) {
            Ok(text) => {
                pieces += usize::from(!text.is_empty());
                visible.push_str(&text);
            }
            Err(error) => return (pieces, visible, Err(error)),
        }
    }
    (pieces, visible, stream.finish())
}

#[tokio::test]
async fn reef_reads_the_streams_of_every_vendor() {
    let world = World::start().await;
    let image = Attachment {
        kind: AttachmentKind::Image,
        media_type: "image/png".into(),
        file_name: None,
        bytes: b"hello".to_vec(),
    };
    let pdf =
        Attachment { kind: AttachmentKind::Document, media_type: "application/pdf".into(), ..image.clone() };
    for provider in PROVIDERS {
        let (pieces, visible, answer) = stream_answer(&world, provider, "count to 40", &[]).await;
        let answer = answer.unwrap();
        assert!(
            answer.text.ends_with("39, 40.") && visible == answer.text && pieces > 3,
            "{provider:?}: {visible}"
        );
        let usage = answer.usage.unwrap();
        assert!(usage.input_tokens > 5 && usage.output_tokens > 30, "{usage:?}");
        assert_eq!(usage.cost_micro_usd.is_some(), provider.0 == Provider::Openrouter);

        let (_, visible, answer) = stream_answer(&world, provider, "fail halfway", &[]).await;
        assert!(visible.starts_with("This answer starts well"), "{provider:?}: {visible}");
        assert!(matches!(answer, Err(ModelError::Unavailable | ModelError::Overloaded)), "{answer:?}");

        let shown = [image.clone(), pdf.clone()];
        let answer = stream_answer(&world, provider, "look", &shown).await.2.unwrap().text;
        assert!(
            answer.contains("image/png, 5 bytes") && answer.contains("application/pdf, 5 bytes"),
            "{answer}"
        );
    }
    let openai_url = format!("{}/sandbox/openai/v1", world.base);
    let model = Model { provider: Provider::Openai, provider_url: &openai_url, id: "gpt-5.5", api_key: "k" };
    let voice = Attachment { kind: AttachmentKind::Audio, media_type: "audio/ogg".into(), ..image };
    let response = send_built(&world, transcription_request(model, &voice).unwrap()).await;
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap().to_vec();
    let heard =
        read_transcription(&HttpResponse { status, retry_after_s: None, headers: Vec::new(), body }, 0);
    assert!(heard.unwrap().text.contains("audio/ogg, 5 bytes"));
}
