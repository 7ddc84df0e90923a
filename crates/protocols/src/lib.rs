//! The wire formats of the vendors that Reef talks to, as pure functions: one module for each vendor.
//!
//! Each module builds an [`HttpRequest`] and reads an [`HttpResponse`], and does no I/O. A vendor's JSON is parsed here and nowhere
//! else; other crates receive typed values, which belong to `reef-ports` where several vendors could send them.
//!
//! - [`polar`] is the payment provider: checkouts, orders, subscriptions and webhooks.
//! - [`openrouter`] has the list of models, and the keys of managed assistants.
//! - [`telegram`] is Telegram's Bot API: calls, their results, and updates.
//! - [`model`] chooses among `anthropic`, `openai`, `google` and [`openrouter`] by the provider of a model: requests for answers,
//!   checks of keys and models, and what an error means.

mod anthropic;
mod google;
mod http;
pub mod model;
mod openai;
pub mod openrouter;
pub mod polar;
pub mod telegram;

pub use http::{HttpError, HttpRequest, HttpResponse, Method, RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS};
