//! Implements the ports over HTTP, SMTP and this machine's clock and randomness.
//!
//! Vendors are reached through [`Http`], which has timeouts and size limits and follows no redirects.
//! [`HttpCallbackSender`] has a separate client that connects only to publicly routable addresses.

mod address_guard;
mod callbacks;
mod http;
mod model_providers;
mod observed_call;
mod openrouter;
mod otlp;
mod overrides;
mod polar;
mod smtp;
mod system;
mod telegram;
#[cfg(test)]
mod tests;

pub use callbacks::HttpCallbackSender;
pub use http::{Http, SetupError};
pub use model_providers::{ModelProvidersClient, ProviderUrls};
pub use openrouter::OpenRouterKeys;
pub use otlp::tracer_provider;
pub use overrides::HostOverrides;
pub use polar::Polar;
pub use smtp::{MailSender, Smtp, SmtpServer, SmtpSetupError};
pub use system::{SystemClock, SystemEntropy};
pub use telegram::TelegramApi;
