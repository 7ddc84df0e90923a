//! What every part of the sandbox answers with.

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A handler's result: an answer, or a vendor's way of saying no.
pub(crate) type Answer<T = Response> = Result<T, Refusal>;

/// An error answer in a vendor's own words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub body: Value,
    /// Seconds, sent as `Retry-After`.
    pub retry_after: Option<u32>,
}

impl Refusal {
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, body, retry_after: None }
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The sandbox itself failed: told apart from every vendor's errors, and logged.
fn broken(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "the sandbox failed");
    Refusal::new(500, json!({"error": {"message": "the sandbox failed; its log says why"}}))
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        broken(&error)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        broken(&error)
    }
}

/// `{"error": {"message": …}}` of the sandbox's own endpoints, the ones for people and tests.
pub(crate) fn refuse(status: u16, message: &str) -> Refusal {
    Refusal::new(status, json!({"error": {"message": message}}))
}

/// Whether the body says it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

/// A header as text; `None` when absent, blank or not text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = header_text(headers, "authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// A form body or a query string as pairs.
pub(crate) fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// One field of a form.
pub(crate) fn field(body: &Bytes, name: &str) -> Option<String> {
    pairs(body).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
