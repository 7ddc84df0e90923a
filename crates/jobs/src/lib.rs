//! The engine of the job queue: what a job is, how it is retried, and the runner that claims and runs jobs.
//!
//! Jobs are durable: they are enqueued in the transaction that causes them, run at least once, and stay visible when they
//! are dead. A job carries ids only and reads everything else when it runs. It brings about the state that the database
//! asks for then, so it is idempotent. Reef's jobs themselves are in `reef-service`, which lists them in its `jobs.rs`;
//! `docs/adding-a-job.md` says how to add one.

mod backoff;
mod job;
mod registry;
mod runner;
mod supervise;
pub mod trace;

pub use backoff::{Backoff, with_jitter};
pub use job::{Job, JobContext, JobError, RetryPolicy, new_job};
pub use registry::Registry;
pub use runner::Runner;
pub use supervise::supervise;
