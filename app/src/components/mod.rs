//! The pieces that pages are made of.

pub mod copy;
pub mod drawn;
pub mod failure;
pub mod field;
pub mod form;
pub mod frame;
pub mod model;
pub mod notice;
mod post;
pub mod small;
