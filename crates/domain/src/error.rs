//! The closed set of error codes and the shape of a validation issue.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::wire_enum;

wire_enum! {
    /// Every `error.code` that the API returns. The set is closed, so a client may match on it.
    ErrorCode {
        /// The API is turned off.
        ApiDisabled = "API_DISABLED",
        /// The `X-API-Key` header is missing, or its key is unknown, expired or revoked.
        Unauthorized = "UNAUTHORIZED",
        /// Too many requests, invalid keys, unpaid slots, or open waits and streams; `Retry-After` says when to try
        /// again.
        RateLimited = "RATE_LIMITED",
        /// The key lacks the scope, or is limited to selected assistants and can't buy a new one.
        Forbidden = "FORBIDDEN",
        /// The resource does not exist, belongs to another account, or is outside the key's access.
        NotFound = "NOT_FOUND",
        /// The path does not support the method; `Allow` lists those it supports.
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        /// The request is malformed; `details.issues` says where. The status is 413 when the body is too large.
        InvalidRequest = "INVALID_REQUEST",
        /// The request is well-formed but does not fit this assistant: mode, provider, model, or a bot that is in use.
        InvalidInput = "INVALID_INPUT",
        /// Payments are not set up for this mode.
        PaymentNotConfigured = "PAYMENT_NOT_CONFIGURED",
        /// The status or the payment does not allow it, or there is no callback URL to send a test to.
        InvalidState = "INVALID_STATE",
        /// The idempotency key was used with a different method, path or body.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
        /// The first request with this idempotency key is still running.
        RequestInProgress = "REQUEST_IN_PROGRESS",
        /// The deletion of the worker was not confirmed; nothing has changed, and the request is safe to repeat.
        WorkerDeleteFailed = "WORKER_DELETE_FAILED",
        /// The model did not answer; `details.reason` says why.
        ModelFailed = "MODEL_FAILED",
        /// Something went wrong on the server.
        InternalError = "INTERNAL_ERROR",
    }
}

/// A problem with one field of a body or form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Issue {
    /// The field's name in the body; empty for the body as a whole.
    pub path: String,
    /// A stable code for the kind of problem, such as `required`.
    pub code: String,
    /// A sentence that may be shown to people.
    pub message: String,
}

impl Issue {
    /// Creates an issue with the field at `path`.
    #[must_use]
    pub fn new(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), code: code.to_owned(), message: message.into() }
    }
}
