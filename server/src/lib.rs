//! The composition root: configuration, the REST API, the site, webhooks, the command line.
//!
//! Nobody depends on this crate. It puts the others together and speaks HTTP for them.

pub mod api;
pub mod cli;
pub mod compose;
pub mod config;
mod contact;
pub mod docs;
mod http;
mod live;
pub mod log;
mod metrics;
pub mod router;
pub mod serve;
mod sessions;
pub mod site;
pub mod site_files;
mod webhooks;
mod workers;
