//! Mail to customers.

use async_trait::async_trait;
use reef_domain::Timestamp;
use reef_domain::ids::MailId;
use secrecy::SecretString;
use thiserror::Error;

/// A mail in plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The same over all tries, so that mail programs know a repeat.
    pub id: MailId,
    /// Where to.
    pub to: String,
    /// One line.
    pub subject: String,
    /// The whole text; a link in it may carry a secret.
    pub text: SecretString,
    /// When it was asked for.
    pub at: Timestamp,
}

/// The mail server did not take it. Says nothing of the mail.
#[derive(Debug, Error)]
pub enum MailError {
    /// For good (5xx), or the address is none that mail can be sent to.
    #[error("the mail server refused it ({reason})")]
    Refused {
        /// Its code, or what is wrong.
        reason: String,
    },
    /// Not now, or it did not answer; trying again may help.
    #[error("the mail server is not available: {0}")]
    Unavailable(String),
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Has the mail server take a mail.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Passes when the mail server answers and accepts us; sends nothing.
    async fn check(&self) -> Result<(), MailError>;
}
