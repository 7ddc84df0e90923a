//! The error type of the service layer. It knows nothing of HTTP.
//!
//! Clients may see [`Error::code`], [`Error::message`] and [`Error::details`]. The source of [`Error::Internal`] is
//! logged once, where the error becomes a response.

use std::error::Error as StdError;

use reef_domain::assistant::ActionRejected;
use reef_domain::wire::{PaymentStatus, Scope, Status};
use reef_domain::{ErrorCode, Issue};
use reef_jobs::JobError;
use reef_store::StoreError;
use serde_json::{Value, json};
use thiserror::Error;

use reef_ports::{CheckoutRefusal, ModelFailure};

/// More issues than this are only counted in a response.
const ISSUES_MAX: usize = 20;
/// The longest `path` of an issue in a response, in characters. The sender of a body chooses its keys, so they need a
/// limit.
const PATH_MAX: usize = 100;

/// Why a use case failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The request has no valid credential.
    #[error("API key required or invalid API key")]
    Unauthorized,
    /// The email and password do not match an account.
    #[error("Incorrect email or password")]
    WrongCredentials,
    /// The API key lacks a scope.
    #[error("This API key does not have the {needed} scope")]
    Forbidden {
        /// The scope that the key lacks.
        needed: Scope,
    },
    /// The key is limited to selected assistants, so it cannot buy new ones.
    #[error("This API key is limited to selected assistants and can't buy new ones")]
    KeyIsLimited,
    /// It does not exist, or belongs to another account: the caller cannot tell which.
    #[error("Deployment not found")]
    NotFound,
    /// The form of the body, a header or a parameter is wrong.
    #[error("{}", invalid_request_message(.0))]
    InvalidRequest(Vec<Issue>),
    /// The body is well-formed, but its values do not fit this assistant.
    #[error("{message}")]
    InvalidInput {
        /// Summarizes the issues in one sentence.
        message: &'static str,
        /// All issues that were found.
        issues: Vec<Issue>,
    },
    /// The operator has not configured payments for this plan.
    #[error("Payment system not configured")]
    PaymentNotConfigured,
    /// The payment provider did not answer, so there is no checkout.
    #[error("We couldn't reach Polar. You haven't been charged. Try again in a moment.")]
    PaymentProviderUnavailable,
    /// The payment provider refused to create a checkout.
    #[error("{}", refusal_message(*.0))]
    CheckoutRefused(CheckoutRefusal),
    /// The assistant's state does not allow the action.
    #[error("{message}")]
    InvalidState {
        /// Says what has to change before the action is allowed.
        message: &'static str,
        /// The status the assistant has.
        current: Status,
        /// The statuses that allow the action.
        allowed: &'static [Status],
    },
    /// The idempotency key was used for a different request.
    #[error("This idempotency key was used with another request")]
    IdempotencyKeyReused,
    /// The first request with this idempotency key is still running.
    #[error("The first request with this idempotency key is still running")]
    RequestInProgress,
    /// Another message of the same conversation is being answered.
    #[error("The assistant is still answering another message of this conversation")]
    ConversationBusy,
    /// The assistant has spent its allowance.
    #[error(
        "The assistant has spent its allowance. Raise it in the settings, or wait for the next day or month."
    )]
    AllowanceReached,
    /// The model did not answer.
    #[error("{}", model_failure_message(*.0))]
    ModelFailed(ModelFailure),
    /// The caller has exceeded a limit.
    #[error("{message}")]
    RateLimited {
        /// Names the limit that was exceeded.
        message: &'static str,
        /// When to try again, in seconds.
        retry_after_seconds: u64,
    },
    /// The worker host did not confirm that the worker is gone.
    #[error("{message}")]
    WorkerDeleteFailed {
        /// Says what was not done because of it.
        message: &'static str,
    },
    /// An internal failure; its source is for the log.
    #[error("Something went wrong on our side. Try again in a moment.")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

/// What a buyer can do about a refused checkout. None of the refusals has charged anything.
const fn refusal_message(refusal: CheckoutRefusal) -> &'static str {
    match refusal {
        CheckoutRefusal::Email => {
            "Polar didn't accept your email address. Change it in Settings, or in the billing portal on the Billing page if you \
             have paid here before, then try again. Nothing was charged."
        }
        CheckoutRefusal::OtherCustomer => {
            "Polar already knows your email address under another account. Sign in to the account that you paid with before, \
             or contact support. Nothing was charged."
        }
        CheckoutRefusal::OneSubscriptionOnly => {
            "You already have a subscription, and Polar isn't set up to sell you another one. That's on our side: contact \
             support. Nothing was charged."
        }
        CheckoutRefusal::NotReady => {
            "We can't take payments yet. That's on our side: try again later, or contact support. Nothing was charged."
        }
        CheckoutRefusal::Product => {
            "This plan can't be bought right now. That's on our side: try again later, or contact support. Nothing was \
             charged."
        }
        CheckoutRefusal::Other => {
            "Polar didn't accept the order. That's on our side: try again later, or contact support. Nothing was charged."
        }
    }
}

/// What the owner of an assistant can do about a model that did not answer.
const fn model_failure_message(failure: ModelFailure) -> &'static str {
    match failure {
        ModelFailure::KeyRejected => {
            "The model's provider rejects the API key. Replace the model key of the assistant."
        }
        ModelFailure::NoCredit => "The model account has no credit left. Add credit at the model's provider.",
        ModelFailure::RateLimited => {
            "The model's provider has too many requests from this account. Try again in a minute."
        }
        ModelFailure::Unavailable => "The model didn't answer. Try again in a moment.",
    }
}

/// The reason of a failure, as clients match on it.
const fn model_failure_reason(failure: ModelFailure) -> &'static str {
    match failure {
        ModelFailure::KeyRejected => "key_rejected",
        ModelFailure::NoCredit => "no_credit",
        ModelFailure::RateLimited => "rate_limited",
        ModelFailure::Unavailable => "unavailable",
    }
}

/// Says which part of the request is invalid. The names of headers and parameters that are compared here are not names of
/// fields in any body.
fn invalid_request_message(issues: &[Issue]) -> &'static str {
    let all = |names: &[&str]| !issues.is_empty() && issues.iter().all(|issue| names.contains(&&*issue.path));
    if all(&["Idempotency-Key"]) {
        "Invalid request header"
    } else if all(&["wait", "limit", "cursor", "mode", "provider", "from", "to", "by"]) {
        "Invalid query parameter"
    } else {
        "Invalid request body"
    }
}

impl Error {
    /// Wraps an internal failure.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Whether a stored row cannot be read, so that trying again does not help.
    pub(crate) fn is_corrupt_row(&self) -> bool {
        let Self::Internal(source) = self else { return false };
        matches!(source.downcast_ref(), Some(StoreError::Corrupt { .. }))
    }

    /// A single invalid field.
    #[must_use]
    pub fn invalid_field(path: &str, code: &str, message: &str) -> Self {
        Self::InvalidRequest(vec![Issue::new(path, code, message)])
    }

    /// Turns a rejected transition into an error; `message` says why in the words of the use case.
    #[must_use]
    pub fn action_rejected(rejection: ActionRejected, message: &'static str) -> Self {
        match rejection {
            ActionRejected::State(invalid) => {
                Self::InvalidState { message, current: invalid.from, allowed: invalid.allowed }
            }
            ActionRejected::SubscriptionInactive { payment, from, allowed } => Self::InvalidState {
                message: match payment {
                    PaymentStatus::Paused => {
                        "Your subscription is paused. Resume it in the billing portal on the Billing page, and try again."
                    }
                    _ => "Your subscription has ended. Create a new assistant to continue.",
                },
                current: from,
                allowed,
            },
        }
    }

    /// The code that clients match on.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unauthorized | Self::WrongCredentials => ErrorCode::Unauthorized,
            Self::Forbidden { .. } | Self::KeyIsLimited => ErrorCode::Forbidden,
            Self::NotFound => ErrorCode::NotFound,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::InvalidInput { .. } => ErrorCode::InvalidInput,
            Self::PaymentNotConfigured => ErrorCode::PaymentNotConfigured,
            Self::InvalidState { .. } | Self::AllowanceReached => ErrorCode::InvalidState,
            Self::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
            Self::RequestInProgress | Self::ConversationBusy => ErrorCode::RequestInProgress,
            Self::ModelFailed(_) => ErrorCode::ModelFailed,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::WorkerDeleteFailed { .. } => ErrorCode::WorkerDeleteFailed,
            Self::PaymentProviderUnavailable | Self::CheckoutRefused(_) | Self::Internal(_) => {
                ErrorCode::InternalError
            }
        }
    }

    /// A sentence that may be shown to people.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The issues of an invalid request; empty for every other error.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        match self {
            Self::InvalidRequest(issues) | Self::InvalidInput { issues, .. } => issues,
            _ => &[],
        }
    }

    /// The `details` object of the error response, if the error has details.
    #[must_use]
    pub fn details(&self) -> Option<Value> {
        match self {
            Self::InvalidRequest(issues) | Self::InvalidInput { issues, .. } => Some(issue_details(issues)),
            Self::InvalidState { current, allowed, .. } => {
                Some(json!({ "currentStatus": current, "allowedStatuses": allowed }))
            }
            Self::AllowanceReached => Some(json!({ "reason": "allowance_reached" })),
            Self::ModelFailed(failure) => Some(json!({ "reason": model_failure_reason(*failure) })),
            Self::PaymentProviderUnavailable => Some(json!({ "reason": "payment_provider_unavailable" })),
            Self::CheckoutRefused(_) => Some(json!({ "reason": "checkout_refused" })),
            Self::Forbidden { needed } => Some(json!({ "requiredScope": needed })),
            _ => None,
        }
    }
}

/// The `issues` and `omitted` of `details`. A body can have as many issues as it has bytes, so the response is limited.
fn issue_details(issues: &[Issue]) -> Value {
    let shown: Vec<Issue> = issues.iter().take(ISSUES_MAX).map(with_bounded_path).collect();
    match issues.len() - shown.len() {
        0 => json!({ "issues": shown }),
        omitted => json!({ "issues": shown, "omitted": omitted }),
    }
}

fn with_bounded_path(issue: &Issue) -> Issue {
    let mut path: String = issue.path.chars().take(PATH_MAX).collect();
    if path.len() < issue.path.len() {
        path.push('…');
    }
    Issue { path, ..issue.clone() }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Retry(error.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_list_twenty_issues_and_count_rest() {
        let details = |count: usize| {
            let issues =
                (0..count).map(|number| Issue::new(&format!("k{number}"), "unknown_key", "Not known."));
            Error::InvalidRequest(issues.collect()).details().unwrap()
        };
        for count in [1, 19, 20] {
            let details = details(count);
            assert_eq!((details["issues"].as_array().unwrap().len(), details.get("omitted")), (count, None));
        }
        for count in [21, 3000] {
            let details = details(count);
            assert_eq!(details["issues"].as_array().unwrap().len(), 20);
            assert_eq!(details["omitted"], json!(count - 20));
        }
        let long = Error::invalid_field(&"ä".repeat(60_000), "unknown_key", "Not known.").details().unwrap();
        assert_eq!(long["issues"][0]["path"], json!(format!("{}…", "ä".repeat(100))));
    }
}
