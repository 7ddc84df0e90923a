//! The only place with SQL: one text for SQLite and PostgreSQL.
//!
//! [`Store::begin`] opens a transaction for writing, [`Store::read`] one for reading. Every query is a method of [`Tx`], so
//! that what belongs together is committed together. A commit has returned once it is durable. Code that holds a [`Tx`] awaits no call to the outside.

mod api_conversations;
mod api_key_requests;
mod api_keys;
mod assistants;
mod bot_groups;
mod bot_updates;
mod cache;
mod catalogs;
mod chat_migrations;
mod chat_queue;
mod connect;
mod conversations;
mod deliveries;
mod deployment_steps;
mod durability;
mod error;
mod events;
mod facts;
pub mod file_permissions;
mod grants;
mod health;
mod idempotency;
mod jobs;
mod limits;
mod listener;
mod mail_limits;
mod mails;
mod managed_credit;
mod metrics;
mod model_calls;
mod notifications;
mod owner_requests;
mod payment_checks;
mod people;
mod people_by_role;
mod polar_endpoint;
mod polar_inbox;
mod preview_messages;
mod receipts;
mod revocations;
mod sealed;
mod sessions;
mod settings;
mod statements;
mod summaries;
#[cfg(feature = "testing")]
pub mod testing;
mod timeout;
mod timers;
mod turn_shares;
mod two_factor;
mod tx;
mod users;
mod workers;

pub use api_conversations::ConversationClaim;
pub use api_key_requests::ApiKeyRequestRow;
pub use api_keys::{ApiKeyRow, LiveApiKeyRow};
pub use assistants::{BotRow, PageRow, ReplacedConfiguration, Secrets};
pub use bot_groups::BotGroupRow;
pub use bot_updates::{BotUpdateRow, NewBotUpdate};
pub use cache::{FOLLOWED_WITHIN, KeyHash, LiveKey, RecordList};
pub use chat_queue::AlbumPartRow;
pub use connect::{Database, Store};
pub use conversations::{ConversationKey, MessageRow};
pub use deliveries::{AttemptOutcome, AttemptRow, DeliveryRow};
pub use error::StoreError;
pub use events::EventRow;
pub use facts::{FactConversationRow, FactRow};
pub use grants::GrantRow;
pub use health::{HealthClaim, HealthRow, HealthSignal};
pub use idempotency::IdempotencyKeyRow;
pub use jobs::{JobRow, NewJob, OpenJobs};
pub use limits::{RequestCount, ThrottleRow};
pub use listener::NotificationListener;
pub use mail_limits::{MAIL_LIMIT_PERIOD_MAX, MailLimit};
pub use mails::{MailKind, MailRow, MailTokenRow, NewMailToken, TokenPurpose};
pub use managed_credit::{ManagedKeyUsage, NewCredit};
pub use metrics::{Backlog, JobCounts, PoolStatus};
pub use model_calls::{
    ANNOUNCE_ALLOWANCE, CallSource, IntervalUsage, ModelCallRow, ModelUsage, PersonUsage, USAGE_INTERVAL_MS,
    UsageSums,
};
pub use notifications::Notification;
pub use payment_checks::{PaymentCheckRow, RateBudget};
pub use people::PersonRow;
pub use polar_inbox::PolarInboxRow;
pub use receipts::ReceiptRow;
pub use revocations::RevocationRow;
pub use sealed::{RowKey, SealedColumn, SealedCount, SealedRow};
pub use sessions::SessionRow;
pub use settings::{SettingsRevisionRow, SettingsRow};
#[cfg(feature = "testing")]
pub use statements::StatementStats;
pub use summaries::{SummaryBacklog, SummaryRow, UncoveredRow};
pub use turn_shares::TurnShareRow;
pub use two_factor::TotpRow;
pub use tx::Tx;
pub use users::UserRow;
pub use workers::WorkerRow;
