//! The only place with SQL: one text for SQLite and PostgreSQL.
//!
//! [`Store::begin`] opens a transaction for writing, [`Store::read`] one for reading. Every query is a method of [`Tx`], so
//! that what belongs together is committed together. Code that holds a [`Tx`] awaits no call to the outside.

mod accounts;
mod asks;
mod assistants;
mod bots;
mod catalogs;
mod chat_migrations;
mod chat_queue;
mod chats;
mod connect;
mod deliveries;
mod error;
mod events;
mod grants;
mod idempotency;
mod jobs;
mod key_requests;
mod keys;
mod limits;
mod mails;
mod managed;
mod news;
mod polar;
pub mod private;
mod receipts;
mod recipients;
mod revocations;
mod sealed;
mod second_factor;
mod sessions;
mod steps;
mod tally;
#[cfg(feature = "testing")]
pub mod testing;
mod timers;
mod tx;
mod workers;

pub use accounts::UserRow;
pub use asks::{AskRow, Pace};
pub use assistants::{BotRow, Replaced, Secrets};
pub use bots::{NewUpdate, UpdateRow};
pub use chat_queue::AlbumRow;
pub use chats::TurnRow;
pub use connect::Store;
pub use deliveries::{Attempt, AttemptRow, DeliveryRow, DeliveryState};
pub use error::StoreError;
pub use events::{EventKind, EventRow};
pub use grants::GrantedRow;
pub use idempotency::EarlierRequest;
pub use jobs::{JobRow, NewJob, OpenJobs};
pub use key_requests::KeyRequestRow;
pub use keys::{ApiKeyRow, KeyLookup};
pub use limits::{RequestCount, Tries};
pub use mails::{MailKind, MailRow, MailTokenRow, NewMailToken, TokenPurpose};
pub use managed::{KeyUse, NewCredit};
pub use news::NewsListener;
pub use polar::InboxRow;
pub use receipts::ReceiptRow;
pub use recipients::{MAIL_COUNTS_FOR, MailAllowance};
pub use revocations::RevocationRow;
pub use sealed::{RowKey, SealedColumn, SealedCount, SealedRow};
pub use second_factor::TotpRow;
pub use sessions::SessionRow;
pub use tally::{JobsTally, Pool, Waiting};
pub use tx::Tx;
pub use workers::WorkerRow;
