//! Customers' callback receivers.

use async_trait::async_trait;
use thiserror::Error;

/// One signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, in seconds.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// The exact body.
    pub body: String,
}

/// No answer was had. The words are for the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// The address is not one that may be reached.
    #[error("the address is not publicly routable")]
    AddressRefused,
    /// Nobody answered in time.
    #[error("no answer within 15 s")]
    Timeout,
    /// There was no connection.
    #[error("could not connect")]
    Connection,
}

/// Sends callbacks: to checked addresses only, without following redirects, within 15 s.
#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// Sends one and gives the HTTP status of the answer.
    async fn send(&self, outgoing: &Outgoing) -> Result<u16, SendError>;
}
