//! The one service layer: a method per use case, the caller as an argument.
//!
//! REST handlers and server functions both call it and nothing below it, so authorization, validation
//! and limits can't be forgotten by either face. What it needs from outside are the traits in [`ports`].

pub mod accounts;
pub mod api_keys;
pub mod assistants;
pub mod callbacks;
pub mod caller;
pub mod catalog;
mod client;
pub mod config;
pub mod error;
pub mod flash;
mod forms;
mod hashing;
pub mod hub;
pub mod idempotency;
pub mod jobs;
pub mod limits;
mod mails;
pub mod managed;
pub mod payments;
mod portal;
pub mod ports;
mod prices;
pub mod reseal;
pub mod seats;
mod services;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;
mod tries;
pub mod vault;
mod work;

pub use caller::{Caller, PasswordStamp};
pub use client::{Client, ClientAddress};
pub use config::Config;
pub use error::Error;
pub use prices::Prices;
pub use services::Services;
