//! The worker host that is in this process: it runs assistants natively.
//!
//! What should run is a row of the `workers` table, settings sealed; what bots receive are rows of `bot_updates`; what
//! is remembered are rows of `chat_turns`. An idle assistant is nothing but its row. A webhook is a row written and
//! an answer given at once; a task then works the chat off, one turn at a time, under a lease that other replicas
//! respect and that a restart takes over.
//!
//! What waits when a worker is removed keeps waiting, as it does at Telegram: a redeployment answers it, up to a day
//! later, unless it gave the assistant another bot.

mod admit;
mod config;
mod embedded;
mod flood;
mod host;
mod memory;
mod parts;
mod polling;
mod receive;
mod sealed;
mod slots;
mod turns;

pub use config::{Config, Delivery};
pub use embedded::Embedded;
pub use receive::Received;
