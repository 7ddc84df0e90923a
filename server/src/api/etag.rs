//! `ETag` headers on responses to GET, and 304 for clients that already have the response.

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use reef_app::matches_etag;
use reef_service::Error;
use sha2::{Digest as _, Sha256};

use crate::api_error::ApiError;

/// The longest response that gets a tag, in bytes: enough for a list of a few thousand assistants.
const BODY_MAX: usize = 8 * 1024 * 1024;
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Tags successful responses to GET with a hash of their bytes. Streams and very long responses pass unchanged.
pub async fn add_etag(mut request: Request, next: Next) -> Response {
    // HEAD has the headers of GET (RFC 9110, 9.3.2) and the tag is computed from the body, so the handler runs as for GET.
    // The router removes the body afterwards.
    if *request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let is_get = *request.method() == Method::GET;
    let if_none_match = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !is_get || response.status() != StatusCode::OK || !is_taggable(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes: Bytes = match to_bytes(body, BODY_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::from(Error::internal(error)).into_response(),
    };
    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)[..16]));
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::ETAG, value);
    parts.headers.insert(header::CACHE_CONTROL, REVALIDATE);
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept, x-api-key"));
    if matches_etag(&if_none_match, &tag) {
        return not_modified(parts.headers);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// A stream has no end at which a tag could be computed, and a very long response must not be held in memory.
fn is_taggable(response: &Response) -> bool {
    let length = response.body().size_hint().exact();
    length.and_then(|length| usize::try_from(length).ok()).is_some_and(|length| length <= BODY_MAX)
}

fn not_modified(mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    (StatusCode::NOT_MODIFIED, headers).into_response()
}
