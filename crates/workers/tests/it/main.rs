//! The embedded worker host, on both databases, with Telegram and a model on loopback.

#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in test functions, but not in their helpers")]

mod albums;
mod blocked;
mod cancellation;
mod fairness;
mod fake_server;
mod flood;
mod health;
mod host;
mod migration;
mod polling;
mod restart;
mod setup;
mod strangers;
mod summaries;
mod turns;
mod webhook;
