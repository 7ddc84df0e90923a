//! Talking to an assistant, with the answer as JSON or as an event stream.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response, Sse, sse};
use futures::Stream;
use reef_domain::messages::{MessageRecord, parse_message};
use reef_service::messages::AdmittedMessage;
use reef_service::throttling::Permit;
use reef_service::{Error, Services};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Instrument as _;

use super::answer::Answer;
use super::auth::ApiKeyAuth;
use super::body::JsonBody;
use super::events::wants_stream;
use super::messages_schema::{MessageResponse, SendMessageRequest};
use super::path::PathIds;
use super::responses::{AssistantPath, AssistantWriteResponses};
use super::schema::ErrorResponse;
use crate::api_error::ApiError;

/// Send a message
///
/// Talks to an active assistant as people do in a chat: with its settings, and within its allowance. The conversation is nobody's
/// chat in Telegram, and is kept for 90 days after its last message. With `Accept: text/event-stream` the answer is a stream of the
/// events `delta` (`{"text"}`), `message` (the same object as in JSON) and, if the answer fails, `error` (the error object). With an
/// `Idempotency-Key` the answer is always JSON.
#[utoipa::path(
    post, path = "/api/v1/assistants/{deploymentId}/messages", operation_id = "sendMessage", tag = "Messages",
    security(("apiKey" = ["write"])),
    params(AssistantPath),
    request_body = SendMessageRequest,
    responses(
        AssistantWriteResponses,
        (status = 200, description = "The answer.", content((MessageResponse = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "`INVALID_REQUEST`: the body is malformed, or the text is empty or too long.", body = ErrorResponse),
        (status = 404, description = "`NOT_FOUND`: the deployment does not exist, belongs to another account, or is outside the key's access, or it has no such conversation or fact. `API_DISABLED`: the API is turned off.", body = ErrorResponse),
        (status = 409, description = "`INVALID_STATE`: the assistant is not active, or has spent its allowance (`details.reason` is `allowance_reached`). `REQUEST_IN_PROGRESS`: another message of the conversation is being answered.", body = ErrorResponse),
        (status = 502, description = "`MODEL_FAILED`: the model did not answer; `details.reason` is `key_rejected`, `no_credit`, `rate_limited` or `unavailable`.", body = ErrorResponse),
    )
)]
pub async fn send(
    State(services): State<Services>,
    ApiKeyAuth(caller): ApiKeyAuth,
    PathIds(id): PathIds<String>,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let message = services.admit_message(&caller, &id, body.parse(parse_message)).await?;
    let permit = services.stream_limit().reserve(caller.user_id)?;
    if wants_stream(&headers) && !headers.contains_key("idempotency-key") {
        return Ok(stream(services, message, permit));
    }
    // The answer is stored, and its cost recorded, even if the client disconnects.
    let answer = async move {
        let _permit = permit;
        services.answer_message(&message, &mut |_| {}).await
    };
    let answered = tokio::spawn(answer.in_current_span()).await.map_err(Error::internal)?;
    Ok(Answer::from(answered?).into_response())
}

/// What a stream sends.
enum Part {
    Text(String),
    End(Result<MessageRecord, Error>),
}

fn stream(
    services: Services,
    message: AdmittedMessage,
    permit: Permit<reef_domain::ids::UserId>,
) -> Response {
    let (parts, received) = unbounded_channel();
    let answer = async move {
        let _permit = permit;
        // A client that has disconnected receives nothing more, and the answer is stored all the same.
        let mut on_text = |text: &str| drop(parts.send(Part::Text(text.to_owned())));
        let answered = services.answer_message(&message, &mut on_text).await;
        drop(parts.send(Part::End(answered)));
    };
    tokio::spawn(answer.in_current_span());
    Sse::new(events(received)).keep_alive(sse::KeepAlive::new()).into_response()
}

fn events(received: UnboundedReceiver<Part>) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    futures::stream::unfold(received, async |mut received| {
        let event = match received.recv().await? {
            Part::Text(text) => event("delta", &json!({ "text": text })),
            Part::End(Ok(record)) => event("message", &json!(record)),
            Part::End(Err(error)) => event("error", &ApiError::from(error).to_json()),
        };
        Some((Ok(event), received))
    })
}

fn event(name: &str, data: &Value) -> sse::Event {
    // JSON text has no line breaks, so this cannot fail.
    sse::Event::default().event(name).data(data.to_string())
}
