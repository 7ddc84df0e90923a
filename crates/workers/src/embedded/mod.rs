//! The worker host that runs assistants within the Reef process.
//!
//! A worker is a row of the `workers` table with sealed settings; an idle assistant needs nothing else. Updates are
//! rows of `bot_updates`, conversations are rows of `conversation_messages`. A webhook request stores its update and returns. A
//! task then processes the updates of the chat one turn at a time, under a lease that other processes respect and that
//! is claimed again after a restart.
//!
//! When a worker is removed, its waiting updates stay, as they would at Telegram. A redeployment within a day answers
//! them, unless it has another bot.

mod admission;
mod behavior;
mod config;
mod conversations;
mod fair_share;
mod flood_wait;
mod health;
mod health_signals;
mod host;
#[cfg(test)]
mod kill_tests;
mod ledger;
mod part_gate;
mod polling;
mod polls;
mod price_cache;
mod receive;
mod sealed;
mod summaries;
mod summary_permits;
mod talk;
mod turn_host;
mod turn_slots;
mod turns;
mod webhook_auth;
mod worker_host;

pub use config::{Config, UpdateSource};
pub use host::Embedded;
pub use receive::WebhookOutcome;
