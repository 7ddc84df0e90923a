//! Tests of the sandbox over HTTP and SMTP.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod harness;
mod mail;
mod model_streams;
mod models;
mod polar;
mod portal;
mod reef_reads_models;
mod telegram;
mod telegram_chats;
mod telegram_files;
mod telegram_methods;
mod telegram_pages;
mod tools;
mod webhooks;
