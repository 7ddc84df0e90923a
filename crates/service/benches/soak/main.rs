//! Plays the periodic work of many assistants against the store, with an injected clock: renewals, payment checks, callbacks,
//! the health of workers, credit and pruning. `cargo xtask soak --assistants N` builds and runs it.
//!
//! Time passes in steps, in each of which everything that is periodic runs once, and the vendors answer at once. The soak fails
//! if something waits for longer than it may in simulated time, or if a table grows that is pruned.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod day;
mod ports;
mod report;

use std::process::ExitCode;

use clap::Parser;
use reef_store::testing::TestStore;

/// The options of the soak.
#[derive(Clone, Copy, Parser)]
#[command(name = "cargo xtask soak")]
pub(crate) struct Options {
    /// The number of assistants.
    #[arg(long)]
    assistants: u64,
    /// How many hours are played.
    #[arg(long, default_value_t = 24)]
    hours: u64,
    /// Uses the PostgreSQL server that TEST_DATABASE_URL names instead of SQLite.
    #[arg(long)]
    postgres: bool,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let db = if options.postgres { TestStore::postgres().await } else { TestStore::sqlite().await };
    let played = day::play(options, db).await;
    let problems = report::print(&played);
    for problem in &problems {
        println!("soak: FAILED: {problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
