//! The only place that maps error codes to HTTP statuses.

use axum::http::StatusCode;
use reef_domain::ErrorCode;

/// The HTTP status that goes with a code.
#[must_use]
pub const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::ApiDisabled | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::InvalidRequest | ErrorCode::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorCode::InvalidState | ErrorCode::RequestInProgress => StatusCode::CONFLICT,
        ErrorCode::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::WorkerDeleteFailed | ErrorCode::ModelFailed => StatusCode::BAD_GATEWAY,
        ErrorCode::PaymentNotConfigured | ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
