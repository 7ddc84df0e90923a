//! Deployment runs, and what they leave behind: workers and the webhooks of bots.
//!
//! [`run`] is the job from its start to the new status, and [`steps`] has what it does at the vendors. [`removal`] removes
//! workers, for a stop or a deletion.

mod bot_webhook;
mod cleanup;
mod health;
mod managed;
pub(crate) mod removal;
mod run;
mod steps;
pub(crate) mod worker;

pub(crate) use bot_webhook::CheckBot;
pub(crate) use cleanup::RemoveWorker;
pub(crate) use run::Deploy;
