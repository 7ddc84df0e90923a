//! Test support for this crate and the crates that use it: hand-written fakes of the ports, whose state can be
//! inspected and whose failures are scripted, and services built with them on a fresh database.

mod callbacks;
mod mailer;
mod managed_keys;
mod models;
mod payments;
mod polar;
mod script;
mod services;
mod telegram;
mod time;
mod workers;

pub use callbacks::FakeCallbacks;
pub use mailer::FakeMailer;
pub use managed_keys::FakeManagedKeys;
pub use models::FakeModels;
pub use payments::FakePayments;
pub use script::{Behavior, Gate, Script};
pub use services::{
    CALLBACK_URL, MODEL, POLAR_SECRET, TestServices, activation, bot_token, model_key, totp_code,
};
pub use telegram::FakeTelegram;
pub use time::{FakeClock, START, SeededEntropy};
pub use workers::FakeWorkerHost;
