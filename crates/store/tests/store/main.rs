//! Tests of every function of the store on both databases.

mod support;

mod api_keys;
mod assistant_lists;
mod assistants;
mod bot_update_leases;
mod bot_updates;
mod chat_migrations;
mod chat_queue;
mod conversations;
mod corrupt;
mod database;
mod deletion;
mod deliveries;
mod deployment_steps;
mod durability;
mod events;
mod job_leases;
mod jobs;
mod limits;
mod mail_limits;
mod mails;
mod managed_credit;
mod metrics;
mod migrations;
mod payment_checks;
mod polar_inbox;
mod random_walks;
mod receipts;
mod sealed;
mod secrets;
mod sessions;
mod two_factor;
mod user_deletion;
mod users;
mod workers;
