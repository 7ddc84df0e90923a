//! The size limit of forms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};
use futures::StreamExt as _;
use reef_domain::ErrorCode;

use crate::error::AppError;

/// The largest form that a page may send, in bytes. Instructions of 8,000 characters are encoded as up to 96,000 bytes.
const FORM_MAX: usize = 128 * 1024;
const MESSAGE: &str = "This form is too large. Shorten your text and try again.";

/// Returns the body length that `Content-Length` declares.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Rejects forms of more than 128 KiB with 413, before reading them if their length is declared.
pub(crate) async fn limit_size(request: Request, next: Next) -> Response {
    if declared_length(request.headers()).is_some_and(|length| length > FORM_MAX) {
        return too_large(request.headers());
    }
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (is_over, headers) = (Arc::new(AtomicBool::new(false)), request.headers().clone());
    let seen = Arc::clone(&is_over);
    let request = request.map(|body| {
        let mut left = FORM_MAX;
        Body::from_stream(body.into_data_stream().map(move |part| {
            let part = part?;
            left = left.checked_sub(part.len()).ok_or_else(|| {
                seen.store(true, Ordering::Relaxed);
                axum::Error::new(std::io::Error::other("the form is too large"))
            })?;
            Ok::<_, axum::Error>(part)
        }))
    });
    // The handler answers an aborted body in its own way, but the client needs the real reason.
    let response = next.run(request).await;
    if is_over.load(Ordering::Relaxed) { too_large(&headers) } else { response }
}

/// The frontend gets JSON and shows the message above the form; a browser without scripts gets a page.
fn too_large(headers: &HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = StatusCode::PAYLOAD_TOO_LARGE;
    let mut response = if accepts.contains("text/html") {
        let page = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Form too large · Reef</title></head>\
             <body><h1>This form is too large</h1><p>Shorten your text and try again.</p><p><a href=\"/\">Back to Reef</a></p></body></html>";
        (status, Html(page)).into_response()
    } else {
        (status, Json(AppError::new(ErrorCode::InvalidRequest, MESSAGE))).into_response()
    };
    // The rest of the body is not read, so the connection cannot be reused.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
