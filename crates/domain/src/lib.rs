//! The rules of Reef without any I/O: the state machine, validation, and the types of the v1 API.
//!
//! The crate also compiles to WebAssembly, so that the browser validates and renders with the same code as the server.

pub mod actions;
pub mod address;
pub mod assistant;
pub mod billing;
#[cfg(feature = "callback-url")]
pub mod callback_url;
pub mod catalog;
mod chain;
pub mod choice;
pub mod error;
pub mod failure;
pub mod ids;
pub mod input;
pub mod json;
mod model_name;
pub mod page;
pub mod search;
pub mod sentence;
pub mod state;
pub mod steps;
pub mod text;
pub mod timestamp;
pub mod usd;
pub mod wire;

pub use assistant::Assistant;
pub use chain::Chain;
pub use error::{ErrorCode, Issue};
pub use failure::FailureCode;
pub use state::State;
pub use timestamp::Timestamp;
pub use usd::Usd;
