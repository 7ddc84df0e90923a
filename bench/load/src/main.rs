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
    /// Create a database on a PostgreSQL server, and return its URL.
    CreateDatabase {
        /// URL of any database of the server.
        #[arg(long)]
        server: String,
        /// Name of the new database.
        #[arg(long)]
        name: String,
    },
    /// Insert active assistants: 100 of one user, and two of each other.
    Fill(fill::Options),
}

#[tokio::main]
async fn main() -> Result<()> {
    let result = match Cli::parse().command {
        Command::CreateDatabase { server, name } => database::create(&server, &name).await?,
        Command::Fill(options) => fill::fill(&options).await?,
    };
    println!("{result}");
    Ok(())
}
