//! `reef`: sells, launches and runs hosted assistants.

use std::process::ExitCode;

use clap::Parser as _;
use reef_server::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one line that says what is wrong; the chain is what caused it.
            #[expect(
                clippy::print_stderr,
                reason = "the command line's own error, before and beside any log"
            )]
            {
                eprintln!("reef: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
