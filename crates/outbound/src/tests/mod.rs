//! The adapters against stubs on loopback.

mod callbacks;
mod models;
mod openrouter;
mod polar;
mod smtp;
mod stub;
mod telegram;
