//! The closed set of error codes and the shape of a validation issue.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::wire_enum;

wire_enum! {
    /// Every `error.code` a client can meet. The set is closed: a client may match on it.
    ErrorCode {
        /// The operator has turned the API off.
        ApiDisabled = "API_DISABLED",
        /// There is no live API key in `X-API-Key`.
        Unauthorized = "UNAUTHORIZED",
        /// Too many requests, wrong keys, unpaid slots, or waiting calls and streams; `Retry-After` says when to try again.
        RateLimited = "RATE_LIMITED",
        /// The key lacks the scope, or is limited to single assistants and wants to buy another.
        Forbidden = "FORBIDDEN",
        /// It does not exist, is somebody else's, or is none of those that the key is limited to.
        NotFound = "NOT_FOUND",
        /// The path does not take the method; `Allow` lists those it takes.
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        /// The form of the request is wrong; `details.issues` says where. 413 when the body is too large.
        InvalidRequest = "INVALID_REQUEST",
        /// Well-formed, but not for this assistant: mode, provider, model, or a bot that is in use.
        InvalidInput = "INVALID_INPUT",
        /// The operator has not set up payments for this mode.
        PaymentNotConfigured = "PAYMENT_NOT_CONFIGURED",
        /// Not in this status, not paid, or no callback URL to send a test to.
        InvalidState = "INVALID_STATE",
        /// The idempotency key was used with another method, path or body.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        /// The first request with this idempotency key still runs.
        RequestInProgress = "REQUEST_IN_PROGRESS",
        /// The removal of the worker was not confirmed; nothing has changed, and it is safe to repeat.
        WorkerDeleteFailed = "WORKER_DELETE_FAILED",
        /// Something inside went wrong.
        InternalError = "INTERNAL_ERROR",
    }
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::ApiDisabled | Self::NotFound => 404,
            Self::Unauthorized => 401,
            Self::RateLimited => 429,
            Self::Forbidden => 403,
            Self::MethodNotAllowed => 405,
            Self::InvalidRequest | Self::InvalidInput => 400,
            Self::InvalidState | Self::RequestInProgress => 409,
            Self::IdempotencyKeyReused => 422,
            Self::WorkerDeleteFailed => 502,
            Self::PaymentNotConfigured | Self::InternalError => 500,
        }
    }
}

/// One thing wrong with one field of a body or form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Issue {
    /// The field, as the body names it; empty for the body as a whole.
    pub path: String,
    /// A stable word for the kind of problem, such as `required`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Issue {
    /// An issue with a field.
    #[must_use]
    pub fn new(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), code: code.to_owned(), message: message.into() }
    }
}
