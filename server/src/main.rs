//! The binary `reef`, which sells and runs hosted Telegram assistants.

use std::process::ExitCode;

use clap::Parser as _;
use reef_server::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The message is one line with the chain of causes.
            #[expect(
                clippy::print_stderr,
                reason = "errors of the command line go to standard error, with or without a log"
            )]
            {
                eprintln!("reef: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
