//! The components of pages. All of them are rendered on the server only.

pub mod code;
pub mod dialog;
pub mod failure;
pub mod field;
pub mod form;
pub mod frame;
pub mod model;
pub mod notice;
pub mod offer;
pub mod page;
pub mod preflight;
pub mod qr;
pub mod resume;
pub mod small;
