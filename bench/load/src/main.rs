//! What `cargo xtask bench` needs beyond wrk: filling the tables, activating and using many bots, and many event streams. Each
//! command prints its result as one line of JSON.
#![expect(clippy::print_stdout, reason = "the result is printed for cargo xtask bench")]

mod bots;
mod client;
mod clock;
mod database;
mod fill;
mod keys;
mod sql;
mod streams;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "reef-bench-load")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a database on a PostgreSQL server, and return its URL.
    CreateDatabase {
        /// URL of any database of the server.
        #[arg(long)]
        server: String,
        /// Name of the new database.
        #[arg(long)]
        name: String,
    },
    /// Insert active assistants: 100 of one user, and at most two of each other.
    Fill(fill::Options),
    /// Activate many assistants at once, then send messages to all of them.
    Bots(bots::Options),
    /// Open many event streams, and measure how long changes take to reach them.
    Streams(streams::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    let result = match Cli::parse().command {
        Command::CreateDatabase { server, name } => database::create(&server, &name).await?,
        Command::Fill(options) => fill::fill(&options).await?,
        Command::Bots(options) => bots::run(&options).await?,
        Command::Streams(options) => streams::run(&options).await?,
    };
    println!("{result}");
    Ok(())
}
