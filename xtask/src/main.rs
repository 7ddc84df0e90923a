//! `cargo xtask …`: every task of this repository, with what each needs installed on the way.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod chaos;
mod counts;
mod dist;
mod postgres;
mod project;
mod run;
mod serve;
mod site;
mod style;
mod system;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Reef's tasks.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the site and the server, then run `reef serve` with the arguments given.
    Serve {
        /// Handed to `reef serve`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Everything that must hold: format, lints, licences, tests on both databases, size, API tools, browser tests, Lighthouse.
    Test,
    /// The inner loop: tests of domain, store and service on both databases.
    Unit {
        /// Handed to the test runner: a filter, for example.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill Reef again and again while customers use it, on both databases, and look whether anything was lost.
    Chaos {
        /// `--seed N`, `--kills N` (100), `--database sqlite|postgres|both`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Build only the site, into target/site.
    Site,
    /// Build target/dist/reef: one file, site and migrations inside.
    Dist,
    /// The API's outside tools alone: schemathesis and generated clients, against a fresh target/dist/reef.
    Apitest,
    /// The browser tests alone, against a fresh target/dist/reef.
    End2end {
        /// Handed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Lighthouse alone, against a fresh target/dist/reef.
    Lighthouse {
        /// Handed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Take pictures of every page, into docs/screens.
    Screens {
        /// Handed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Serve { args } => serve::serve(&args),
        Task::Test => return test::test(),
        Task::Unit { args } => test::unit(&args),
        Task::Chaos { args } => chaos::chaos(&args),
        Task::Site => site::build(),
        Task::Dist => dist::dist().map(|path| run::say(&format!("built {}", path.display()))),
        Task::Apitest => test::apitest(),
        Task::End2end { args } => test::end2end(&args),
        Task::Lighthouse { args } => test::lighthouse(&args),
        Task::Screens { args } => test::screens(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
