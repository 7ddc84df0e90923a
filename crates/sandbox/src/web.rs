//! Errors and small helpers for requests that all parts of the sandbox share.

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The result of a handler, whose error is a response in the vendor's format.
pub(crate) type HandlerResult<T = Response> = Result<T, ErrorResponse>;

/// An error response in a vendor's format.
#[derive(Debug)]
pub(crate) struct ErrorResponse {
    pub status: u16,
    pub body: Value,
    /// The value of `Retry-After` in seconds.
    pub retry_after: Option<u32>,
}

impl ErrorResponse {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body, retry_after: None }
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Logs an error of the sandbox itself. The response differs from every vendor's errors, so that tests notice it.
fn internal_error(error: &dyn std::fmt::Display) -> ErrorResponse {
    tracing::error!(%error, "sandbox request failed");
    ErrorResponse::new(500, json!({"error": {"message": "The sandbox failed. Its log has the cause."}}))
}

impl From<sqlx::Error> for ErrorResponse {
    fn from(error: sqlx::Error) -> Self {
        internal_error(&error)
    }
}

impl From<serde_json::Error> for ErrorResponse {
    fn from(error: serde_json::Error) -> Self {
        internal_error(&error)
    }
}

/// The error `{"error": {"message": …}}` of the sandbox's own endpoints, which are not a vendor's.
pub(crate) fn error_response(status: u16, message: &str) -> ErrorResponse {
    ErrorResponse::new(status, json!({"error": {"message": message}}))
}

/// Whether the content type is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

/// Returns a header as text, or `None` if it is absent, blank or not text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// Returns the token of `Authorization: Bearer …`.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = header_text(headers, "authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Parses a form body or a query string.
pub(crate) fn parse_pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

pub(crate) fn form_field(body: &Bytes, name: &str) -> Option<String> {
    parse_pairs(body).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
