//! Tests of the clients against stub servers on loopback.

mod callbacks;
mod model_providers;
mod openrouter;
mod polar;
mod smtp;
mod stub;
mod telegram;
