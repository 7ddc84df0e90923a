//! The layers around every request: limits, security headers, request ids and logs.

pub mod bodies;
pub mod connections;
pub mod drain;
pub mod durability;
pub mod overload;
pub mod panic;
pub mod remote_access;
pub mod request;
pub mod security;
pub mod trusted_proxies;
