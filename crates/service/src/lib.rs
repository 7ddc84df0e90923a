//! The use cases: one method of [`Services`] each, with the caller as an argument.
//!
//! The API's handlers and the dashboard's server functions both call these methods and nothing below them, so neither
//! can skip authorization, validation or limits. The traits of `reef-ports` are what this crate needs from outside.

pub mod accounts;
pub mod api_keys;
pub mod assistants;
pub mod callbacks;
pub mod caller;
pub mod catalog;
mod client;
pub mod concurrency_limit;
pub mod config;
pub mod error;
pub mod event_bus;
pub mod flash;
mod forms;
mod hashing;
pub mod idempotency;
pub mod jobs;
pub mod limits;
mod mails;
pub mod managed;
pub mod payments;
mod portal;
mod prices;
pub mod reseal;
mod services;
#[cfg(feature = "testing")]
pub mod testing;
mod throttle;
pub mod trace;
mod unit_of_work;

pub use caller::{Caller, PasswordStamp};
pub use client::{Client, ClientAddress};
pub use config::Config;
pub use error::Error;
pub use prices::Prices;
pub use services::Services;
