//! The logic of an assistant: it takes a Telegram update, asks the model, and sends the reply.
//!
//! The crate has no runtime, no HTTP client and no storage. It reaches everything outside through the [`Host`] trait,
//! so that the same code runs inside `reef`, where futures are `Send`, and compiled to WebAssembly in a Cloudflare
//! Worker, where they are not.
//!
//! [`run_turn`] processes one update. It can be killed at any moment and run again without asking the model twice for the
//! same answer. The formats of Telegram and of the model providers are those of `reef-protocols`.

mod access;
mod allowance;
mod calls;
mod command;
mod error_reply;
mod formatted;
mod host;
mod markdown;
mod memory;
mod pace;
mod settings;
mod split;
mod summary;
mod talk;
mod texts;
mod turn;

pub use access::{AccessRequest, Admission, Decision, Place, Share, Verdict, Visit, Visitor};
pub use calls::{CallEstimate, CallKind, ModelCall, Permit};
pub use command::COMMANDS;
pub use error_reply::error_reply;
pub use host::{Host, MaybeSend, MaybeSync, MemoryError, ModelHost};
pub use memory::{
    AlbumPart, Conversation, FACT_CHARS_MAX, FACTS_MAX, Fact, MEMORY_CHARS_MAX, MEMORY_TURNS_MAX,
    MemoryChange, Part, Reply, Style, TURN_CHARS_MAX, recent_window,
};
pub use pace::{SendKind, SendPace};
pub use settings::{CreditRenewal, Settings};
pub use summary::{
    STORED_TURNS_MAX, SUMMARY_CHARS_MAX, SUMMARY_EVERY_TURNS, Summarized, may_need_summary, summarize,
    turns_to_summarize,
};
pub use talk::{Talk, TalkError, talk};
pub use turn::{TurnError, TurnOutcome, run_turn};
