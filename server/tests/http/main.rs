//! Tests of the whole server over HTTP, with a real server and both databases. Each file covers one subject.
#![expect(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "`json!` in an argument reads best, and a panic is how a test fails"
)]

mod account;
mod action_pages;
mod activate;
mod api_disabled;
mod auth;
mod behavior_pages;
mod bodies;
mod callbacks;
mod cli;
mod client;
mod configuration;
mod content_security;
mod crash;
mod customer;
mod delete;
mod docs;
mod doctor;
mod durability;
mod edit_forms;
mod endpoints;
mod envelope;
mod failures;
mod fairness;
mod flashes;
mod flood_wait;
mod idempotency;
mod ids;
mod injection;
mod injection_sources;
mod known_secrets;
mod lifecycle;
mod limits;
mod log;
mod lost_webhooks;
mod mail_links;
mod malformed_requests;
mod managed;
mod metrics;
mod openapi;
mod operations;
mod pages;
mod payment;
mod payment_pages;
mod people;
mod postgres;
mod process;
mod purchase;
mod purchase_forms;
mod reads;
mod recent_password;
mod record;
mod redeploy;
mod remote_access;
mod replicas;
mod sessions;
mod settings;
mod site_files;
mod slow_bodies;
mod status_and_list;
mod status_rules;
mod stop;
mod subscription_states;
mod support;
mod timeline;
mod traces;
mod update;
mod visitor_pages;
mod webhooks;
