//! Tests of the wire formats from outside: requests as the vendors document them, and responses as they send them.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "test helpers take `json!` arguments by value, and a test fails by panicking"
)]

mod any_input;
mod attachments;
mod budget;
mod checks;
mod examples;
mod finishes;
mod limits;
mod model;
mod polar_api;
mod polar_webhooks;
mod stream_examples;
mod streams;
mod telegram;
