//! What a worker runs: one assistant, from a Telegram update to the answer in the chat.
//!
//! The crate has no runtime, no network client and no storage of its own. Everything outside comes through the
//! [`Host`] trait, so that the very same logic runs natively inside `reef` (a multi-threaded runtime, futures are
//! `Send`) and compiled to WebAssembly in a Cloudflare Worker (one thread, futures are not).
//!
//! - [`telegram`] and [`model`] are pure: they build an [`HttpRequest`] and read an [`HttpResponse`]. Anything that
//!   has a client may use them, deployment checks as well as turns.
//! - [`run_turn`] is one turn of the conversation. It may be killed at any moment and run again: what was answered is
//!   sent on, not asked from the model again.

mod command;
mod host;
mod markdown;
mod memory;
pub mod model;
mod prompt;
mod settings;
mod split;
pub mod telegram;
mod turn;

pub use command::MENU;
pub use host::{
    Host, HttpError, HttpRequest, HttpResponse, MaybeSend, MaybeSync, MemoryError, Method,
    RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS,
};
pub use markdown::render;
pub use memory::{
    AlbumPart, MEMORY_CHARS_MAX, MEMORY_TURNS_MAX, MemoryChange, Part, Reply, Role, Style, TURN_CHARS_MAX,
    Turn, window,
};
pub use settings::{Provider, Renewal, Settings};
pub use split::{MESSAGE_UNITS_MAX, split};
pub use turn::{TurnError, TurnOutcome, run_turn};
