//! The outside world over HTTP: adapters of the service layer's ports.
//!
//! All but mail is sent through [`Http`], which is built in one place, with time-outs, limits and without redirects.
//! Callbacks have a client of their own, which reaches publicly routable addresses only.

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
