//! The use cases: one method of [`Services`] each, with the caller as an argument.
//!
//! The API's handlers and the dashboard's server functions both call these methods and nothing below them, so neither
//! can skip authorization, validation or limits. The traits of `reef-ports` are what this crate needs from outside.

pub mod accounts;
pub mod api_keys;
pub mod assistants;
pub mod billing;
pub mod callbacks;
pub mod caller;
pub mod catalog;
mod config;
mod deployments;
mod error;
pub mod events;
pub mod forms;
pub mod idempotency;
pub mod jobs;
mod mail;
pub mod maintenance;
mod services;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttling;
mod unit_of_work;

pub use accounts::Client;
pub use billing::Prices;
pub use caller::{Caller, PasswordStamp};
pub use config::Config;
pub use error::Error;
pub use services::Services;
pub use throttling::ClientAddress;
