//! Tests of every function of the store on both databases.

mod support;

mod account_deletion;
mod accounts;
mod asks;
mod assistants;
mod bot_leases;
mod bots;
mod chat_migrations;
mod chat_queue;
mod chats;
mod corrupt;
mod database;
mod deletion;
mod deliveries;
mod events;
mod job_leases;
mod jobs;
mod keys;
mod limits;
mod listings;
mod mails;
mod managed;
mod migrations;
mod polar;
mod receipts;
mod recipients;
mod sealed;
mod second_factor;
mod secrets;
mod sessions;
mod steps;
mod tally;
mod walks;
mod workers;
