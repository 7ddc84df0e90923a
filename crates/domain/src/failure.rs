//! Why an assistant is not running, in one plain sentence with the way out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes a `statusMessage` can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// The deployment outlived its deadline.
    DeployTimeout,
    /// The worker host could not start the worker.
    WorkerStartFailed,
    /// The worker started and does not answer.
    HealthCheckFailed,
    /// Telegram does not know the bot token.
    TelegramTokenRejected,
    /// Something else holds the bot's webhook.
    TelegramConflict,
    /// The model provider refuses the key.
    ModelKeyRejected,
    /// The provider does not offer the model to this key.
    ModelUnavailable,
    /// The worker has disappeared from its host.
    WorkerMissing,
    /// The subscription is over.
    SubscriptionEnded,
    /// The subscription is paused; the assistant starts again when it goes on.
    SubscriptionPaused,
}

impl FailureCode {
    /// Every code.
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

    /// The code as customers read it.
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

    /// The code that a status message begins with.
    #[must_use]
    pub fn of_message(message: &str) -> Option<Self> {
        Self::parse(message.split_once(": ")?.0)
    }

    /// A status message without the code that it begins with, for people.
    #[must_use]
    pub fn in_words(message: &str) -> &str {
        match message.split_once(": ") {
            Some((code, words)) if Self::parse(code).is_some() => words,
            _ => message,
        }
    }

    /// The stored spelling read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// What to tell the customer: what happened, and the way out.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::DeployTimeout => "The deployment took too long and was ended; redeploy to try again.",
            Self::WorkerStartFailed => "The worker could not be started; redeploy to try again in a moment.",
            Self::HealthCheckFailed => {
                "The worker started but does not answer; redeploy to start a fresh one."
            }
            Self::TelegramTokenRejected => {
                "Telegram refused the bot token; get the current one from @BotFather, save it here and redeploy."
            }
            Self::TelegramConflict => {
                "Another program is using this bot; stop it or save another bot's token here, then redeploy."
            }
            Self::ModelKeyRejected => {
                "The model provider refused the API key; save a working key and redeploy."
            }
            Self::ModelUnavailable => {
                "The model could not be reached with this key; choose another model or try again, then redeploy."
            }
            Self::WorkerMissing => "The worker has disappeared from its host; redeploy to start it again.",
            Self::SubscriptionEnded => {
                "The subscription for this assistant has ended; buy a new slot to run an assistant again."
            }
            Self::SubscriptionPaused => {
                "Your subscription is paused, so this assistant is stopped; it starts again automatically when you resume the \
                 subscription in the customer portal, which the Billing page opens."
            }
        }
    }

    /// Why a change was undone, and how to make it all the same.
    #[must_use]
    pub const fn undone_sentence(self) -> &'static str {
        match self {
            Self::DeployTimeout => {
                "Your change was undone because deploying it took too long; your previous settings are in use, and you can try \
                 the change again."
            }
            Self::WorkerStartFailed => {
                "Your change was undone because the worker could not be started; your previous settings are in use, and you can \
                 try the change again in a moment."
            }
            Self::HealthCheckFailed => {
                "Your change was undone because the worker did not answer; your previous settings are in use, and you can try the \
                 change again."
            }
            Self::TelegramTokenRejected => {
                "Your change was undone because Telegram refused the bot token; your previous settings are in use. To try again, \
                 get the current token from @BotFather."
            }
            Self::TelegramConflict => {
                "Your change was undone because another program is using the bot; your previous settings are in use. To try again, \
                 stop that program or use another bot's token."
            }
            Self::ModelKeyRejected => {
                "Your change was undone because the model provider refused the API key; your previous settings are in use. To try \
                 again, enter a working key."
            }
            Self::ModelUnavailable => {
                "Your change was undone because the model could not be reached with this key; your previous settings are in use. \
                 To try again, choose another model or another key."
            }
            // These end no deployment.
            Self::WorkerMissing | Self::SubscriptionEnded | Self::SubscriptionPaused => {
                "Your change was undone; your previous settings are in use."
            }
        }
    }
}

impl fmt::Display for FailureCode {
    /// `CODE: one plain sentence with the way out`, at most 500 characters, no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.as_str(), self.sentence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_its_code_and_fits() {
        for code in FailureCode::ALL {
            let message = code.to_string();
            assert!(message.starts_with(&format!("{}: ", code.as_str())));
            assert!(message.chars().count() <= 500 && message.ends_with('.'));
            assert_eq!(FailureCode::parse(code.as_str()), Some(code));
            assert_eq!(FailureCode::of_message(&message), Some(code));
            assert_eq!(FailureCode::in_words(&message), code.sentence());
            assert!(code.undone_sentence().starts_with("Your change was undone"));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
