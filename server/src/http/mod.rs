//! Layers around every request.

pub mod csrf;
pub mod panic;
pub mod request;
pub mod security;
