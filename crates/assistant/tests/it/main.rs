//! Tests of the assistant from outside: they pass updates to turns and assert the requests that come out.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "test helpers take `json!` arguments by value, and a test fails by panicking"
)]

mod access;
mod budget;
mod calls;
mod captions;
mod crash;
mod downloads;
mod errors;
mod fake;
mod finishes;
mod groups;
mod late;
mod limits;
mod people;
mod rejections;
mod shares;
mod streaming;
mod turn;
