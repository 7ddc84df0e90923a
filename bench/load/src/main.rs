//! What `cargo xtask bench` needs beyond wrk: a program that fills the tables. Each command prints its result as one line of
//! JSON.
#![expect(clippy::print_stdout, reason = "the result is printed for cargo xtask bench")]

mod database;
mod fill;
mod sql;

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
    /// Insert active assistants: 100 of one user, and two of each other.
    Fill(fill::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    let result = match Cli::parse().command {
        Command::Fill(options) => fill::fill(&options).await?,
    };
    println!("{result}");
    Ok(())
}
