//! The layers around every request: limits, security headers, request ids and logs.

pub mod bodies;
pub mod connections;
pub mod csrf;
pub mod drain;
pub mod form_errors;
pub mod forms;
pub mod overload;
pub mod panic;
pub mod remote_access;
pub mod request;
pub mod security;
pub mod trailing_scripts;
pub mod trusted_proxies;
