//! Server functions, one file an area: the request's context, one call of the service layer, the answer.
//!
//! Each has a fixed address below `/_fn`, which a plain form posts to just as well as a script.

pub mod account;
pub mod activation;
pub mod assistants;
pub mod billing;
mod body;
pub mod buying;
pub mod drawn;
pub mod keys;
pub mod mail;
pub mod settings;
