//! `ETag` headers on responses to GET, and 304 for clients that already have the response.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use reef_service::Error;
use sha2::{Digest as _, Sha256};

use super::ApiError;

/// The longest response that gets a tag, in bytes: enough for a list of a few thousand assistants.
const TAGGED_MAX: usize = 8 * 1024 * 1024;
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Tags successful responses to GET with a hash of their bytes. Streams and very long responses pass unchanged.
pub async fn tag(mut request: Request, next: Next) -> Response {
    // HEAD has the headers of GET (RFC 9110, 9.3.2) and the tag is computed from the body, so the handler runs as for GET.
    // The router removes the body afterwards.
    if *request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let is_read = *request.method() == Method::GET;
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK || !is_short(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes: Bytes = match to_bytes(body, TAGGED_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::from(Error::internal(error)).into_response(),
    };
    let tag = format!("\"{}\"", reef_service::vault::hex(&Sha256::digest(&bytes)[..16]));
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::ETAG, value);
    parts.headers.insert(header::CACHE_CONTROL, CACHE);
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept, x-api-key"));
    if is_known(&known, &tag) {
        return not_modified(parts.headers);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A stream has no end at which a tag could be computed, and a very long response must not be held in memory.
fn is_short(response: &Response) -> bool {
    let length = response.body().size_hint().exact();
    length.and_then(|length| usize::try_from(length).ok()).is_some_and(|length| length <= TAGGED_MAX)
}

fn not_modified(mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// `If-None-Match` uses the weak comparison (RFC 9110, 13.1.2).
fn is_known(headers: &[HeaderValue], tag: &str) -> bool {
    let texts = headers.iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
