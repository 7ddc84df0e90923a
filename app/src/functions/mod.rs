//! The server functions, one for each form, in a file for each area. Each reads the request, calls the service layer and redirects.
//!
//! Each has a fixed path below `/_fn`, to which both plain forms and scripts post.

pub mod account;
pub mod activation;
pub mod assistants;
pub mod behavior;
pub mod billing;
mod body;
mod changed_fields;
pub mod checkout;
pub mod form_baseline;
pub mod keys;
pub mod mail;
pub mod mcp;
pub mod people;
pub mod settings;
