//! The only place that maps errors to HTTP responses.

use std::error::Error as _;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reef_app::status_of;
use reef_domain::{ErrorChain, ErrorCode};
use reef_service::Error;
use reef_service::idempotency::{Outcome, Rejection};
use serde_json::{Value, json};

/// An error in the form that clients receive: `{"error": {"code", "message", "details"?}}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    status: StatusCode,
    message: String,
    details: Option<Value>,
    retry_after_seconds: Option<u64>,
}

/// The body of the response to a rejected request.
fn rejection_json(rejection: &Rejection) -> Value {
    let mut error = json!({ "code": rejection.code, "message": rejection.message });
    if let (Some(details), Some(fields)) = (&rejection.details, error.as_object_mut()) {
        fields.insert("details".to_owned(), details.clone());
    }
    json!({ "error": error })
}

/// The response to a rejected request.
pub(crate) fn render_rejection(rejection: &Rejection) -> Response {
    (status_of(rejection.code), Json(rejection_json(rejection))).into_response()
}

impl ApiError {
    #[must_use]
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        let status = status_of(code);
        Self { code, status, message: message.to_owned(), details: None, retry_after_seconds: None }
    }

    /// The body of the response.
    #[must_use]
    pub(crate) fn to_json(&self) -> Value {
        let (message, details) = (self.message.clone(), self.details.clone());
        rejection_json(&Rejection { code: self.code, message, details })
    }

    /// Creates a 413 error with the limit in bytes.
    #[must_use]
    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message = format!("The request body is larger than {} KiB.", limit / 1024);
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..Self::new(ErrorCode::InvalidRequest, &message) }
    }
}

impl From<Error> for ApiError {
    /// Logs an internal cause once, in the span of the request, and gives the client a message without it.
    fn from(error: Error) -> Self {
        if let Error::Internal(source) = &error {
            tracing::error!(error = %ErrorChain(&**source), "request failed");
        } else if error.source().is_some() {
            tracing::warn!(error = %ErrorChain(&error), "request rejected");
        }
        let retry_after_seconds = match &error {
            Error::RateLimited { retry_after_seconds, .. } => Some(*retry_after_seconds),
            _ => None,
        };
        Self { details: error.details(), retry_after_seconds, ..Self::new(error.code(), &error.message()) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        metrics::counter!("reef_api_errors_total", "code" => self.code.as_str()).increment(1);
        let rejection = Rejection { code: self.code, message: self.message, details: self.details };
        let mut response = render_rejection(&rejection);
        *response.status_mut() = self.status;
        if self.status == status_of(self.code) {
            response.extensions_mut().insert(Outcome::Rejected(rejection));
        }
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
