//! The one error type of the service layer, free of any transport.
//!
//! What a client may see is in [`Error::code`], [`Error::message`] and [`Error::details`]; what went wrong
//! inside is the source of [`Error::Internal`], which is logged once, where the error is answered.

use std::error::Error as StdError;

use reef_domain::assistant::NotNow;
use reef_domain::wire::{PaymentStatus, Scope, Status};
use reef_domain::{ErrorCode, Issue};
use reef_store::StoreError;
use serde_json::{Value, json};
use thiserror::Error;

use crate::ports::CheckoutRefusal;

/// Issues that an answer lists; the others are counted.
const ISSUES_MAX: usize = 20;
/// The longest path of an issue that an answer shows, in characters: a body's keys are its sender's to choose.
const PATH_MAX: usize = 100;

/// Why a use case was not carried out.
#[derive(Debug, Error)]
pub enum Error {
    /// Nobody known asks.
    #[error("API key required or invalid API key")]
    Unauthorized,
    /// E-mail and password do not belong together.
    #[error("The e-mail address or the password is not right")]
    WrongCredentials,
    /// The key may not do this.
    #[error("This API key does not have the {needed} scope")]
    Forbidden {
        /// What it lacks.
        needed: Scope,
    },
    /// The key is limited to single assistants.
    #[error("This API key is limited to single assistants and can't buy another one")]
    KeyIsLimited,
    /// It does not exist, or is somebody else's: the caller can't tell.
    #[error("Deployment not found")]
    NotFound,
    /// The form of the body, a header or a parameter is wrong.
    #[error("{}", what_is_invalid(.0))]
    InvalidRequest(Vec<Issue>),
    /// The body makes no sense for this assistant.
    #[error("{message}")]
    InvalidInput {
        /// What kind of nonsense.
        message: &'static str,
        /// All of it.
        issues: Vec<Issue>,
    },
    /// The operator has not set up payments for this mode.
    #[error("Payment system not configured")]
    PaymentNotConfigured,
    /// The payment provider did not make a checkout: it does not answer, or not now.
    #[error("Our payment provider can't be reached right now. Nothing was charged; try again in a moment.")]
    PaymentProviderUnavailable,
    /// The payment provider refused to make a checkout.
    #[error("{}", what_to_do(*.0))]
    CheckoutRefused(CheckoutRefusal),
    /// Not in this state.
    #[error("{message}")]
    InvalidState {
        /// What would have to be so.
        message: &'static str,
        /// How it is.
        current: Status,
        /// How it would have to be.
        allowed: &'static [Status],
    },
    /// The idempotency key was used for another request.
    #[error("This idempotency key was used with another request")]
    IdempotencyKeyReused,
    /// The first request with this idempotency key still runs.
    #[error("The first request with this idempotency key is still running")]
    RequestInProgress,
    /// Too much.
    #[error("{message}")]
    RateLimited {
        /// Of what.
        message: &'static str,
        /// When it can be tried again.
        retry_after_seconds: u64,
    },
    /// The worker host did not confirm that the worker is gone.
    #[error("{message}")]
    WorkerDeleteFailed {
        /// Before what.
        message: &'static str,
    },
    /// Something inside.
    #[error("Unexpected server error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

/// What a buyer can do about a refused checkout. Nothing was charged in any case.
const fn what_to_do(refusal: CheckoutRefusal) -> &'static str {
    match refusal {
        CheckoutRefusal::Email => {
            "Our payment provider didn't accept your email address. Change it in Settings, or in the customer portal on the \
             Billing page if you have paid here before, then try again. Nothing was charged."
        }
        CheckoutRefusal::OtherCustomer => {
            "Our payment provider already knows your email address under another account. Sign in to the account that you \
             paid with before, or contact support. Nothing was charged."
        }
        CheckoutRefusal::OneSubscriptionOnly => {
            "You already have a subscription, and our payment provider isn't set up to sell you another one. That's on our \
             side: contact support. Nothing was charged."
        }
        CheckoutRefusal::NotReady => {
            "We can't take payments yet. That's on our side: try again later, or contact support. Nothing was charged."
        }
        CheckoutRefusal::Product => {
            "This plan can't be bought right now. That's on our side: try again later, or contact support. Nothing was \
             charged."
        }
        CheckoutRefusal::Other => {
            "Our payment provider didn't accept the order. That's on our side: try again later, or contact support. Nothing \
             was charged."
        }
    }
}

/// No body has fields of these names.
fn what_is_invalid(issues: &[Issue]) -> &'static str {
    let all = |names: &[&str]| !issues.is_empty() && issues.iter().all(|issue| names.contains(&&*issue.path));
    if all(&["Idempotency-Key"]) {
        "Invalid request header"
    } else if all(&["wait", "limit", "cursor", "mode", "provider"]) {
        "Invalid query parameter"
    } else {
        "Invalid request body"
    }
}

impl Error {
    /// Wraps something that went wrong inside.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Whether it is about a row that can't be read: trying again does not help.
    pub(crate) fn is_corrupt_row(&self) -> bool {
        let Self::Internal(source) = self else { return false };
        matches!(source.downcast_ref(), Some(StoreError::Corrupt { .. }))
    }

    /// One wrong field.
    #[must_use]
    pub fn invalid_field(path: &str, code: &str, message: &str) -> Self {
        Self::InvalidRequest(vec![Issue::new(path, code, message)])
    }

    /// The refusal of a transition, in the words of the use case.
    #[must_use]
    pub fn not_now(refusal: NotNow, message: &'static str) -> Self {
        match refusal {
            NotNow::State(invalid) => {
                Self::InvalidState { message, current: invalid.from, allowed: invalid.allowed }
            }
            NotNow::Unpaid { payment, from, allowed } => Self::InvalidState {
                message: match payment {
                    PaymentStatus::Paused => {
                        "Your subscription is paused. Resume it in the customer portal, which the Billing page opens, and \
                         try again."
                    }
                    _ => "Your subscription is not active. Buy a new slot to run an assistant again.",
                },
                current: from,
                allowed,
            },
        }
    }

    /// The stable code a client matches on.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unauthorized | Self::WrongCredentials => ErrorCode::Unauthorized,
            Self::Forbidden { .. } | Self::KeyIsLimited => ErrorCode::Forbidden,
            Self::NotFound => ErrorCode::NotFound,
            Self::InvalidRequest(_) => ErrorCode::InvalidRequest,
            Self::InvalidInput { .. } => ErrorCode::InvalidInput,
            Self::PaymentNotConfigured => ErrorCode::PaymentNotConfigured,
            Self::InvalidState { .. } => ErrorCode::InvalidState,
            Self::IdempotencyKeyReused => ErrorCode::IdempotencyKeyReused,
            Self::RequestInProgress => ErrorCode::RequestInProgress,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::WorkerDeleteFailed { .. } => ErrorCode::WorkerDeleteFailed,
            Self::PaymentProviderUnavailable | Self::CheckoutRefused(_) | Self::Internal(_) => {
                ErrorCode::InternalError
            }
        }
    }

    /// The sentence a client may show.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// What is wrong with which field, if anything is.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        match self {
            Self::InvalidRequest(issues) | Self::InvalidInput { issues, .. } => issues,
            _ => &[],
        }
    }

    /// The `details` object, when there is something to add.
    #[must_use]
    pub fn details(&self) -> Option<Value> {
        match self {
            Self::InvalidRequest(issues) | Self::InvalidInput { issues, .. } => Some(listed(issues)),
            Self::InvalidState { current, allowed, .. } => {
                Some(json!({ "currentStatus": current, "allowedStatuses": allowed }))
            }
            Self::PaymentProviderUnavailable => Some(json!({ "reason": "payment_provider_unavailable" })),
            Self::CheckoutRefused(_) => Some(json!({ "reason": "checkout_refused" })),
            Self::Forbidden { needed } => Some(json!({ "requiredScope": needed })),
            _ => None,
        }
    }
}

/// Issues as `details` has them: the first ones, and how many are left out. What is wrong with a body may be as long as the
/// body, and the answer must not be.
fn listed(issues: &[Issue]) -> Value {
    let shown: Vec<Issue> = issues.iter().take(ISSUES_MAX).map(shortened).collect();
    match issues.len() - shown.len() {
        0 => json!({ "issues": shown }),
        omitted => json!({ "issues": shown, "omitted": omitted }),
    }
}

fn shortened(issue: &Issue) -> Issue {
    let mut path: String = issue.path.chars().take(PATH_MAX).collect();
    if path.len() < issue.path.len() {
        path.push('…');
    }
    Issue { path, ..issue.clone() }
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
    fn an_answer_lists_twenty_issues_and_counts_the_rest() {
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
