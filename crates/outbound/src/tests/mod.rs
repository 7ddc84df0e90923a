//! Tests of the clients against stub servers on loopback.

mod callbacks;
mod models;
mod openrouter;
mod polar;
mod smtp;
mod stub;
mod telegram;
