//! Sending webhooks to customers' servers. The API calls them callbacks.

use async_trait::async_trait;
use thiserror::Error;

/// A signed request to a customer's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackRequest {
    /// The URL of the customer's endpoint.
    pub url: String,
    /// The value of `webhook-id`.
    pub id: String,
    /// The value of `webhook-timestamp`, in seconds.
    pub timestamp: i64,
    /// The value of `webhook-signature`.
    pub signature: String,
    /// The exact body that was signed.
    pub body: String,
}

/// Why there is no response. The delivery log shows these messages.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallbackError {
    /// The address is not publicly routable.
    #[error("the address is not publicly routable")]
    AddressRefused,
    /// No response arrived in time.
    #[error("no response within 15 s")]
    Timeout,
    /// The connection could not be established.
    #[error("could not connect")]
    Connection,
}

/// Sends callbacks: to publicly routable addresses only, without following redirects, within 15 s.
#[async_trait]
pub trait CallbackSender: Send + Sync {
    /// Sends a request and returns the HTTP status of the response.
    async fn send(&self, request: &CallbackRequest) -> Result<u16, CallbackError>;
}
