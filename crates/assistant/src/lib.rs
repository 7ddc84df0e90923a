//! The logic of an assistant: it takes a Telegram update, asks the model, and sends the reply.
//!
//! The crate has no runtime, no HTTP client and no storage. It reaches everything outside through the [`Host`] trait,
//! so that the same code runs inside `reef`, where futures are `Send`, and compiled to WebAssembly in a Cloudflare
//! Worker, where they are not.
//!
//! - [`telegram`] and [`model`] only build an [`HttpRequest`] and read an [`HttpResponse`]. The checks of a deployment
//!   use them as well.
//! - [`run_turn`] processes one update. It can be killed at any moment and run again without asking the model twice for
//!   the same answer.

mod command;
mod host;
mod markdown;
mod memory;
pub mod model;
mod settings;
mod split;
pub mod telegram;
mod texts;
mod turn;

pub use command::COMMANDS;
pub use host::{
    Host, HttpError, HttpRequest, HttpResponse, MaybeSend, MaybeSync, MemoryError, Method,
    RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS,
};
pub use markdown::render_html;
pub use memory::{
    AlbumPart, MEMORY_CHARS_MAX, MEMORY_TURNS_MAX, MemoryChange, Part, Reply, Role, Style, TURN_CHARS_MAX,
    Turn, recent_window,
};
pub use settings::{CreditRenewal, Provider, Settings};
pub use split::{MESSAGE_UNITS_MAX, split_text};
pub use turn::{TurnError, TurnOutcome, run_turn};
