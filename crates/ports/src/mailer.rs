//! Sending mail to customers.

use async_trait::async_trait;
use reef_domain::Timestamp;
use reef_domain::ids::MailId;
use secrecy::SecretString;
use thiserror::Error;

/// A mail in plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The same for all attempts, so that mail programs recognize duplicates.
    pub id: MailId,
    /// The address of the recipient.
    pub to: String,
    /// The subject, on one line.
    pub subject: String,
    /// The whole text. A link in it may contain a secret.
    pub text: SecretString,
    /// When the mail was requested.
    pub requested_at: Timestamp,
}

/// The mail server did not accept a mail. The error contains nothing of the mail.
#[derive(Debug, Error)]
pub enum MailError {
    /// The server refused it permanently (5xx), or the address cannot receive mail.
    #[error("the mail server refused the mail ({reason})")]
    Refused {
        /// The server's reply code, or what is wrong with the address.
        reason: String,
    },
    /// The server did not answer or refused it temporarily, so trying again may help.
    #[error("the mail server is not available: {0}")]
    Unavailable(String),
}

/// A mail server that sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail to the mail server.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Checks that the mail server answers and accepts Reef's credentials, without sending anything.
    async fn check(&self) -> Result<(), MailError>;
}
