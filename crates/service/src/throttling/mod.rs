//! Limits: of requests, of attempts to guess a secret, and of what an account has open at once. Limits on mail are in `mail`.

mod admission;
mod auth_failures;
mod client_address;
pub(crate) mod concurrency_limit;
pub(crate) mod rate_limits;
mod requests;
mod subjects;
pub(crate) mod throttle;
mod windows;

pub use client_address::ClientAddress;
pub use concurrency_limit::{ConcurrencyLimit, Permit};
pub use windows::{Quota, WINDOW};
