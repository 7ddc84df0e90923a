//! The layers around every request: limits, security headers, request ids and logs.

pub mod address;
pub mod bodies;
pub mod connections;
pub mod csrf;
pub mod documents;
pub mod drain;
pub mod form_errors;
pub mod forms;
pub mod forwarded;
pub mod overload;
pub mod panic;
pub mod request;
pub mod security;
