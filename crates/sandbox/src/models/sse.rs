//! Server-sent events, which all vendors stream completions with.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;

/// Streams rendered events, one per chunk of the body.
pub(super) fn stream_response(events: Vec<String>) -> Response {
    let chunks = events.into_iter().map(|event| Ok::<_, Infallible>(Bytes::from(event)));
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(stream::iter(chunks)))
        .into_response()
}
