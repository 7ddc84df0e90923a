//! The components of pages. All of them are rendered on the server only.

pub mod code;
pub mod dialog;
pub mod error_page;
pub mod field;
pub mod form;
pub mod health;
pub mod layout;
pub mod model;
pub mod notice;
pub mod offer;
pub mod page;
pub mod payment;
pub mod preflight;
pub mod qr;
pub mod time_and_status;
