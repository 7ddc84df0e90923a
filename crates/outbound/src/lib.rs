//! Implements the ports of the service layer over HTTP and SMTP.
//!
//! Vendors are reached through [`Http`], which has timeouts and size limits and follows no redirects.
//! [`HttpCallbackSender`] has a separate client that connects only to publicly routable addresses.

mod callbacks;
mod guard;
mod http;
mod models;
mod observed;
mod openrouter;
mod otlp;
mod overrides;
mod polar;
mod smtp;
mod telegram;
#[cfg(test)]
mod tests;

pub use callbacks::Callbacks;
pub use http::{Http, SetupError};
pub use models::{ProviderUrls, Providers, assistant_provider};
pub use openrouter::OpenRouterKeys;
pub use otlp::traces;
pub use overrides::Overrides;
pub use polar::Polar;
pub use smtp::{Sender, Smtp, SmtpServer, SmtpSetupError};
pub use telegram::TelegramApi;
