//! The rules of Reef without any I/O: the state machine, validation, and the types of the v1 API.
//!
//! [`state`] says which event an assistant accepts in which status, such as whether it may be stopped; [`actions`] says what
//! pages offer, and why not; [`failure`] has the failure codes with their sentences.
//!
//! The crate also compiles to WebAssembly, so that the browser validates and renders with the same code as the server.

pub mod actions;
pub mod address;
pub mod assistant;
pub mod billing;
#[cfg(feature = "calendar")]
pub mod calendar;
#[cfg(feature = "callback-url")]
pub mod callback_url;
pub mod catalog;
pub mod error;
mod error_chain;
pub mod failure;
pub mod health;
pub mod ids;
pub mod input;
pub mod json;
pub mod messages;
pub mod model_choice;
pub mod people;
pub mod query;
pub mod search;
pub mod sentence;
pub mod settings;
#[cfg(feature = "settings")]
pub mod settings_input;
pub mod state;
pub mod steps;
pub mod timestamp;
pub mod usage;
pub mod usd;
pub mod validation;
pub mod wire;

pub use assistant::Assistant;
pub use error::{ErrorCode, Issue};
pub use error_chain::ErrorChain;
pub use failure::FailureCode;
pub use state::State;
pub use timestamp::Timestamp;
pub use usd::Usd;
