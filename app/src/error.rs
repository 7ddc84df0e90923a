//! The errors of server functions and pages, and the one place where errors of the service layer become sentences for customers.

use reef_domain::{ErrorCode, Issue};
use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

const INTERNAL_MESSAGE: &str = "Something went wrong. Try again in a moment.";
const INCOMPLETE_MESSAGE: &str = "Something’s missing. Reload the page.";

/// The error of a server function, with what its form needs to be rendered again.
///
/// Without JavaScript it is stored for the form's page (`crate::flash`). Nothing in it may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError {
    /// The code of the API, which also decides the HTTP status.
    pub code: ErrorCode,
    /// A sentence for customers.
    pub message: String,
    /// What is wrong with each field, by the API's names of fields.
    pub issues: Vec<Issue>,
    /// The names and values of the fields that are not secret.
    pub values: Vec<(String, String)>,
    /// Whether the session has ended. A wrong password has the same code, but leaves the session as it is.
    #[serde(default)]
    pub is_signed_out: bool,
}

impl AppError {
    /// An error without fields.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), issues: Vec::new(), values: Vec::new(), is_signed_out: false }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::new(
                ErrorCode::InternalError,
                "Reef can’t be reached. Check your connection and try again.",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                crate::request::set_status(ErrorCode::InvalidRequest);
                Self::new(ErrorCode::InvalidRequest, INCOMPLETE_MESSAGE)
            }
            _ => Self::new(ErrorCode::InternalError, INTERNAL_MESSAGE),
        }
    }
}

impl From<reef_service::Error> for AppError {
    /// Logs internal errors, which customers don't see.
    fn from(error: reef_service::Error) -> Self {
        use reef_service::Error;
        let message = match &error {
            Error::Unauthorized => "Sign in to continue.".to_owned(),
            Error::NotFound => "Not found. It may have been deleted.".to_owned(),
            Error::InvalidRequest(issues) if is_about_no_field(issues) => joined_messages(issues),
            Error::InvalidRequest(_) | Error::InvalidInput { .. } => {
                "Check the highlighted fields.".to_owned()
            }
            Error::PaymentNotConfigured => "This plan isn’t available yet. Contact support.".to_owned(),
            Error::CheckoutRefused(_) => error.message(),
            Error::PaymentProviderUnavailable => {
                "We couldn’t reach Polar. You haven’t been charged. Try again.".to_owned()
            }
            // The status would allow it, so the subscription does not, and the service's message says what to do.
            Error::InvalidState { current, allowed, .. } if allowed.contains(current) => error.message(),
            Error::InvalidState { current, .. } => {
                let status = crate::labels::status_label(*current);
                format!("This isn’t possible while the assistant’s status is “{status}”.")
            }
            Error::WorkerDeleteFailed { .. } => {
                "Your bot couldn’t be disconnected from Telegram, so nothing has changed. Try again in a moment.".to_owned()
            }
            Error::WrongCredentials
            | Error::Forbidden { .. }
            | Error::KeyIsLimited
            | Error::IdempotencyKeyReused
            | Error::RequestInProgress
            | Error::ConversationBusy
            | Error::AllowanceReached
            | Error::ModelFailed(_) => sentence(&error.message()),
            Error::RateLimited { message, retry_after_seconds } => {
                format!("{} Try again in {}.", sentence(message), crate::labels::wait_label(*retry_after_seconds))
            }
            Error::Internal(source) => {
                tracing::error!(error = %reef_domain::ErrorChain(&**source), "page could not be served");
                INTERNAL_MESSAGE.to_owned()
            }
        };
        let issues = if is_about_no_field(error.issues()) { Vec::new() } else { error.issues().to_vec() };
        let is_signed_out = matches!(error, Error::Unauthorized);
        Self { code: error.code(), message, issues, values: Vec::new(), is_signed_out }
    }
}

/// Whether no field has to be highlighted, so that the issues are the message.
fn is_about_no_field(issues: &[Issue]) -> bool {
    !issues.is_empty() && issues.iter().all(|issue| issue.path.is_empty())
}

/// A message of the service layer as a sentence.
fn sentence(message: &str) -> String {
    if message.ends_with('.') { message.to_owned() } else { format!("{message}.") }
}

fn joined_messages(issues: &[Issue]) -> String {
    issues.iter().map(|issue| &*issue.message).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use reef_domain::assistant::ActionRejected;
    use reef_domain::wire::{PaymentStatus, Status};
    use reef_service::Error;

    use super::*;

    #[test]
    fn refusal_without_subscription_names_the_way_out() {
        let message = |payment| {
            let allowed: &[Status] = &[Status::Stopped];
            let refusal = ActionRejected::SubscriptionInactive { payment, from: Status::Stopped, allowed };
            AppError::from(Error::action_rejected(refusal, "Stopped only")).message
        };
        assert!(message(PaymentStatus::Paused).contains("Resume it"));
        for ended in [PaymentStatus::Canceled, PaymentStatus::Refunded] {
            assert!(message(ended).contains("Create a new assistant"));
        }
    }

    #[test]
    fn issue_without_field_is_the_message() {
        let error = AppError::from(Error::invalid_field("", "link_over", "This link has been used."));
        assert_eq!((error.message.as_str(), error.issues.len()), ("This link has been used.", 0));
        let error = AppError::from(Error::invalid_field("code", "wrong", "This code is not right."));
        assert!(error.message.contains("highlighted") && error.issues.len() == 1);
    }
}
