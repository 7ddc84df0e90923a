//! The assistant, tested at its edge: updates go in, and the requests that come out are what counts.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "helpers of tests: `json!` in the argument reads best, and a panic is how a test fails"
)]

mod budget;
mod captions;
mod checks;
mod crash;
mod errors;
mod fake;
mod finishes;
mod groups;
mod limits;
mod model;
mod people;
mod refusals;
mod telegram;
mod turn;
