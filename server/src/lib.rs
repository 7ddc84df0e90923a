//! The binary `reef`: configuration, the REST API, inbound webhooks, the HTTP layer around the site, and the command line.
//!
//! No other crate depends on this one. It builds the other crates' parts from the configuration (`compose`) and serves them over
//! HTTP (`serve`, `router`). `api` is REST v1, `webhooks` is Polar's, `workers` has the endpoints of embedded workers.

pub mod api;
mod api_error;
pub mod cli;
pub mod compose;
pub mod config;
pub mod docs;
mod http;
mod log;
mod metrics;
mod router;
mod security_txt;
pub mod serve;
mod site;
mod site_files;
mod webhooks;
mod workers;
