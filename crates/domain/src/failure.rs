//! Failure codes: why an assistant is down, with the sentences that customers read for each.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::ApiMode;

/// The codes that a `statusMessage` can begin with. The set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The deployment was still running at its deadline.
    DeployTimeout,
    /// The worker host could not start the worker.
    WorkerStartFailed,
    /// The worker started but does not answer its health check.
    HealthCheckFailed,
    /// Telegram rejects the bot token as unknown or revoked.
    TelegramTokenRejected,
    /// Another program uses the bot's webhook or polls its updates.
    TelegramConflict,
    /// The model provider rejects the key.
    ModelKeyRejected,
    /// The provider does not offer the model to this key.
    ModelUnavailable,
    /// The worker has disappeared from its host.
    WorkerMissing,
    /// The subscription was canceled or refunded.
    SubscriptionEnded,
    /// The subscription is paused; the assistant starts again when it is resumed.
    SubscriptionPaused,
}

impl FailureCode {
    /// Every code, in declaration order.
    pub const ALL: [Self; 10] = [
        Self::DeployTimeout,
        Self::WorkerStartFailed,
        Self::HealthCheckFailed,
        Self::TelegramTokenRejected,
        Self::TelegramConflict,
        Self::ModelKeyRejected,
        Self::ModelUnavailable,
        Self::WorkerMissing,
        Self::SubscriptionEnded,
        Self::SubscriptionPaused,
    ];

    /// The code as it appears in `statusMessage` and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeployTimeout => "DEPLOY_TIMEOUT",
            Self::WorkerStartFailed => "WORKER_START_FAILED",
            Self::HealthCheckFailed => "HEALTH_CHECK_FAILED",
            Self::TelegramTokenRejected => "TELEGRAM_TOKEN_REJECTED",
            Self::TelegramConflict => "TELEGRAM_CONFLICT",
            Self::ModelKeyRejected => "MODEL_KEY_REJECTED",
            Self::ModelUnavailable => "MODEL_UNAVAILABLE",
            Self::WorkerMissing => "WORKER_MISSING",
            Self::SubscriptionEnded => "SUBSCRIPTION_ENDED",
            Self::SubscriptionPaused => "SUBSCRIPTION_PAUSED",
        }
    }

    /// Parses the code that a status message begins with.
    #[must_use]
    pub fn from_message(message: &str) -> Option<Self> {
        Self::parse(message.split_once(": ")?.0)
    }

    /// Removes the code from the beginning of a status message, for pages and mail.
    #[must_use]
    pub fn strip_code(message: &str) -> &str {
        match message.split_once(": ") {
            Some((code, words)) if Self::parse(code).is_some() => words,
            _ => message,
        }
    }

    /// Parses the output of [`Self::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// What happened and what to do about it, for customers.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DeployTimeout => "The deployment took too long; redeploy to try again.",
            Self::WorkerStartFailed => "The assistant couldn't start; redeploy in a moment to try again.",
            Self::HealthCheckFailed => "The assistant started but didn't respond; redeploy to restart it.",
            Self::TelegramTokenRejected => {
                "Telegram rejected the bot token; paste the current one from @BotFather and redeploy."
            }
            Self::TelegramConflict => {
                "Another app is using this bot; disconnect it there or use a different bot, then redeploy."
            }
            Self::ModelKeyRejected => {
                "The model provider rejected the API key; save a working key and redeploy."
            }
            Self::ModelUnavailable => {
                "The model couldn't be reached with this key; choose another model or try again, then redeploy."
            }
            Self::WorkerMissing => "The assistant stopped unexpectedly; redeploy to restart it.",
            Self::SubscriptionEnded => "Your subscription has ended; create a new assistant to continue.",
            Self::SubscriptionPaused => {
                "Your subscription is paused, so this assistant is stopped; resume it in the billing portal on the Billing page, \
                 and the assistant starts again automatically."
            }
        }
    }

    /// Why a change was undone and how to try it again, for customers. Only the model, its key and the bot are restored: the
    /// name and the webhook URL apply without a deployment.
    #[must_use]
    pub fn undo_sentence(self, mode: ApiMode) -> String {
        let restored = restored_settings(mode);
        match self.undo_cause_and_hint() {
            Some((cause, hint)) => {
                format!(
                    "Your change was undone because {cause}; your previous {restored} are in use, and {hint}."
                )
            }
            None => format!("Your change was undone; your previous {restored} are in use."),
        }
    }

    /// Why a deployment failed and how to try the change again; `None` for codes that a deployment never fails with.
    const fn undo_cause_and_hint(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::DeployTimeout => ("deploying it took too long", "you can try the change again"),
            Self::WorkerStartFailed => {
                ("the assistant couldn't start", "you can try the change again in a moment")
            }
            Self::HealthCheckFailed => ("the assistant didn't respond", "you can try the change again"),
            Self::TelegramTokenRejected => (
                "Telegram rejected the bot token",
                "to try again you can paste the current token from @BotFather",
            ),
            Self::TelegramConflict => (
                "another app is using the bot",
                "to try again you can disconnect that app or use a different bot",
            ),
            Self::ModelKeyRejected => {
                ("the model provider rejected the API key", "to try again you can enter a working key")
            }
            Self::ModelUnavailable => (
                "the model couldn't be reached with this key",
                "to try again you can choose another model or another key",
            ),
            Self::WorkerMissing | Self::SubscriptionEnded | Self::SubscriptionPaused => return None,
        })
    }
}

/// What is restored when a change is undone, as customers read it. Reef has the key of managed assistants.
#[must_use]
pub const fn restored_settings(mode: ApiMode) -> &'static str {
    match mode {
        ApiMode::Byok => "model, key and bot",
        ApiMode::Managed => "model and bot",
    }
}

impl fmt::Display for FailureCode {
    /// Writes `CODE: what happened and the way out`, in at most 500 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.as_str(), self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_start_with_code_and_fit() {
        for code in FailureCode::ALL {
            let message = code.to_string();
            assert!(message.starts_with(&format!("{}: ", code.as_str())));
            assert!(message.chars().count() <= 500 && message.ends_with('.'));
            assert_eq!(FailureCode::parse(code.as_str()), Some(code));
            assert_eq!(FailureCode::from_message(&message), Some(code));
            assert_eq!(FailureCode::strip_code(&message), code.sentence());
            for &mode in ApiMode::ALL {
                let sentence = code.undo_sentence(mode);
                assert!(
                    sentence.starts_with("Your change was undone") && sentence.ends_with('.'),
                    "{sentence}"
                );
            }
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
