//! The closed set of error codes and the shape of a validation issue.

use serde::{Deserialize, Serialize};

/// Every `error.code` a client can meet. The set is closed: a client may match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ErrorCode {
    /// `ASSISTANTS_API_V1_ENABLED` is false.
    ApiDisabled,
    /// No valid API key.
    Unauthorized,
    /// Too many requests, or too many unpaid slots.
    RateLimited,
    /// The key's scopes do not allow it.
    Forbidden,
    /// It does not exist, or is somebody else's.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body's form is wrong.
    InvalidRequest,
    /// The body is well-formed and makes no sense for this assistant.
    InvalidInput,
    /// The operator has not set up payments for this mode.
    PaymentNotConfigured,
    /// The assistant's state does not allow it now.
    InvalidState,
    /// The idempotency key was used with another body.
    IdempotencyKeyReused,
    /// The first request with this idempotency key is still running.
    RequestInProgress,
    /// The worker host did not confirm the removal.
    WorkerDeleteFailed,
    /// Something inside went wrong.
    InternalError,
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
