//! What a page can be told instead of what it asked for.

use reef_domain::{ErrorCode, Issue};
use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// Shown when something inside went wrong; what it was is in the log.
const INTERNAL: &str = "Something went wrong on our side. Try again in a moment.";

/// Why a server function did not do it, in words for people, with what the form needs to be shown again.
///
/// Without JavaScript it travels in the query of the page that the form was on: nothing in it may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError {
    /// What kind of error.
    pub code: ErrorCode,
    /// One sentence.
    pub message: String,
    /// What is wrong with which field, as the API names fields.
    pub issues: Vec<Issue>,
    /// What was typed into the fields that are not secret: name and value.
    pub values: Vec<(String, String)>,
    /// Whether the session has ended; a wrong password is something else.
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
                "Reef cannot be reached. Check the connection and try again.",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                crate::server::set_status(ErrorCode::InvalidRequest);
                Self::new(ErrorCode::InvalidRequest, "The form is not complete. Load the page again.")
            }
            _ => Self::new(ErrorCode::InternalError, INTERNAL),
        }
    }
}

impl From<reef_service::Error> for AppError {
    /// The one place where the service layer's errors become words on a page. What went wrong inside is logged here,
    /// once, and not told.
    fn from(error: reef_service::Error) -> Self {
        use reef_service::Error;
        let message = match &error {
            Error::Unauthorized => "Sign in to do this.".to_owned(),
            Error::NotFound => "This does not exist, or not any more.".to_owned(),
            Error::InvalidRequest(issues) if is_about_no_field(issues) => sentences(issues),
            Error::InvalidRequest(_) | Error::InvalidInput { .. } => {
                "This does not fit yet. See what is marked.".to_owned()
            }
            Error::PaymentNotConfigured => "Payments are not set up here for this kind of slot.".to_owned(),
            Error::CheckoutRefused(_) => error.message(),
            Error::PaymentProviderUnavailable => {
                "The payment provider does not answer, so nothing was done. Try again in a moment.".to_owned()
            }
            // The status would allow it: what is in the way is the subscription, and the service's words say which way out
            // there is.
            Error::InvalidState { current, allowed, .. } if allowed.contains(current) => error.message(),
            Error::InvalidState { current, .. } => {
                format!("This is not possible while the assistant is {}.", crate::text::status(*current))
            }
            Error::WorkerDeleteFailed { .. } => {
                "Your bot couldn’t be disconnected from Telegram, so nothing has changed. Try again in a moment.".to_owned()
            }
            Error::WrongCredentials
            | Error::Forbidden { .. }
            | Error::KeyIsLimited
            | Error::IdempotencyKeyReused
            | Error::RequestInProgress => {
                format!("{}.", error.message())
            }
            Error::RateLimited { message, retry_after_seconds } => {
                format!("{message}. Try again in {}.", crate::text::wait(*retry_after_seconds))
            }
            Error::Internal(source) => {
                tracing::error!(error = %reef_domain::Chain(&**source), "a page could not be served");
                INTERNAL.to_owned()
            }
        };
        let issues = if is_about_no_field(error.issues()) { Vec::new() } else { error.issues().to_vec() };
        let is_signed_out = matches!(error, Error::Unauthorized);
        Self { code: error.code(), message, issues, values: Vec::new(), is_signed_out }
    }
}

/// Nothing is marked then: what is wrong is all there is to say.
fn is_about_no_field(issues: &[Issue]) -> bool {
    !issues.is_empty() && issues.iter().all(|issue| issue.path.is_empty())
}

fn sentences(issues: &[Issue]) -> String {
    issues.iter().map(|issue| &*issue.message).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use reef_domain::assistant::NotNow;
    use reef_domain::wire::{PaymentStatus, Status};
    use reef_service::Error;

    use super::*;

    #[test]
    fn unpaid_assistant_is_refused_with_the_way_out_of_its_payment_status() {
        let message = |payment| {
            let allowed: &[Status] = &[Status::Stopped];
            let refusal = NotNow::Unpaid { payment, from: Status::Stopped, allowed };
            AppError::from(Error::not_now(refusal, "Stopped only")).message
        };
        assert!(message(PaymentStatus::Paused).contains("Resume it"));
        for ended in [PaymentStatus::Canceled, PaymentStatus::Refunded] {
            assert!(message(ended).contains("Buy a new slot"));
        }
    }

    #[test]
    fn nothing_is_said_to_be_marked_when_no_field_is() {
        let error = AppError::from(Error::invalid_field("", "link_over", "This link has been used."));
        assert_eq!((error.message.as_str(), error.issues.len()), ("This link has been used.", 0));
        let error = AppError::from(Error::invalid_field("code", "wrong", "This code is not right."));
        assert!(error.message.contains("See what is marked") && error.issues.len() == 1);
    }
}
