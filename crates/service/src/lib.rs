//! The use cases: one method of [`Services`] each, with the caller as an argument.
//!
//! The API's handlers and the dashboard's server functions both call these methods and nothing below them, so neither
//! can skip authorization, validation or limits. The traits of `reef-ports` are what this crate needs from outside.
//!
//! Each feature is a folder with its use cases, its jobs and its state:
//!
//! - `assistants`: ordering, activating, changing, stopping and deleting an assistant, and what its page shows
//! - `deployments`: runs and their steps, removing workers, and checking that workers are there
//! - `billing`: checkouts, what payments and Polar's webhooks change, payment checks, prices, model credit
//! - `callbacks`: webhooks to customers' servers
//! - `accounts`, `api_keys`: signing in, sessions, passwords, two-factor authentication; keys for programs
//! - `mail`: what emails say, and sending them
//! - `catalog`: the models that may be chosen
//! - `events`: changes that are published, and the timeline
//! - `idempotency`, `forms`: requests and forms that run once
//! - `throttling`: limits
//! - `messages`: talking to an assistant through the API
//! - `usage`: what calls of the model have cost, and allowances
//! - `health`: how assistants are: checks, what people read, and what a change causes
//! - `maintenance`: periodic work, figures for metrics, key rotation
//!
//! `unit_of_work` is how everything is written, `jobs` lists all jobs, and `testing` has the fakes.

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
pub mod health;
pub mod idempotency;
pub mod jobs;
mod mail;
pub mod maintenance;
pub mod messages;
pub mod people;
mod services;
pub mod settings;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttling;
mod unit_of_work;
pub mod usage;

pub use accounts::Client;
pub use billing::Prices;
pub use caller::{Caller, PasswordStamp};
pub use config::Config;
pub use error::Error;
pub use services::Services;
pub use throttling::ClientAddress;
