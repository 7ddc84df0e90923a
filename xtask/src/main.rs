//! The tasks of this repository, run with `cargo xtask`. Each task installs the tools that it needs.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod bench;
mod chaos;
mod counts;
mod dist;
mod postgres;
mod project;
mod rules;
mod run;
mod serve;
mod site;
mod style;
mod system;
mod test;
mod tools;
mod tree_counts;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the Reef repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the site and the server, then run `reef serve`.
    Serve {
        /// Arguments of `reef serve`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run all checks: format, lints, licenses, tests on both databases, size, API tools, chaos, storm, browser tests, Lighthouse.
    Test,
    /// Run the fast tests: domain, store and service on both databases.
    Unit {
        /// Arguments of the test runner, such as a filter.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Check the rules about which part of Reef may know what.
    Rules,
    /// Print numbers that describe the tree, such as the lengths of files and the number of import cycles.
    Counts,
    /// Kill Reef repeatedly while customers use it, on both databases, and check that nothing is lost.
    Chaos {
        /// `--seed N`, `--kills N` (100), `--database sqlite|postgres|both`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Write, disturb and read on both databases, and check that no read is out of date.
    Storm {
        /// `--seconds N` (60 on each database), `--seed N`, `--database sqlite|postgres|both`, `--allowance-ms N` (100).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the tests that take an hour, or play a day of many assistants' periodic work.
    Soak(chaos::SoakOptions),
    /// Measure Reef and the servers that it is compared with, and write docs/performance.md.
    Bench(Box<bench::Options>),
    /// Build the site into target/site.
    Site,
    /// Build target/dist/reef, a single file that contains the site and the migrations.
    Dist,
    /// Test the API with Schemathesis and generated clients, against a fresh target/dist/reef.
    Apitest,
    /// Run the browser tests against a fresh target/dist/reef.
    End2end {
        /// Arguments that are passed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run Lighthouse against a fresh target/dist/reef.
    Lighthouse {
        /// Arguments that are passed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Take screenshots of every page into docs/screens.
    Screens {
        /// Arguments that are passed to Playwright.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Serve { args } => serve::serve(&args),
        Task::Test => return test::test(),
        Task::Unit { args } => test::unit(&args),
        Task::Rules => rules::check(),
        Task::Counts => tree_counts::print(),
        Task::Chaos { args } => chaos::chaos(&args),
        Task::Storm { args } => chaos::storm(&args),
        Task::Soak(options) => chaos::soak(&options),
        Task::Bench(options) => bench::bench(&options),
        Task::Site => site::build(),
        Task::Dist => dist::dist().map(|path| run::print_progress(&format!("built {}", path.display()))),
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
