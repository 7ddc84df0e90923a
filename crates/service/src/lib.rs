//! The one service layer: a method per use case, the caller as an argument.
//!
//! REST handlers and server functions both call it and nothing below it, so authorization, validation
//! and limits can't be forgotten by either face. What it needs from outside are the traits in [`ports`].

pub mod accounts;
pub mod api_keys;
pub mod assistants;
pub mod callbacks;
pub mod caller;
pub mod config;
pub mod error;
pub mod hub;
pub mod idempotency;
pub mod jobs;
pub mod managed;
pub mod payments;
pub mod ports;
pub mod reseal;
mod services;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vault;
mod work;

pub use caller::Caller;
pub use config::Config;
pub use error::Error;
pub use services::Services;
