//! The embedded worker host, on both databases, with Telegram and a model on loopback.

mod host;
mod polling;
mod restart;
mod rig;
mod turns;
mod webhook;
mod world;
