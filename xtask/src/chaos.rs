//! The tasks `cargo xtask chaos`, `cargo xtask storm` and `cargo xtask soak`.

use anyhow::Result;

use crate::run::{command, print_progress, run};
use crate::{postgres, project};

/// A test that takes longer than `cargo xtask test` may.
struct SoakPart {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// The parts of the soak, in order.
const SOAK: [SoakPart; 1] = [SoakPart { name: "storm, half an hour on each database", run: soak_storm }];

/// Kills Reef repeatedly. The arguments are passed to the test.
pub fn chaos(args: &[String]) -> Result<()> {
    run_test("chaos", args)
}

/// Checks that no read is out of date. The arguments are passed to the test.
pub fn storm(args: &[String]) -> Result<()> {
    run_test("storm", args)
}

/// What to soak.
#[derive(clap::Args)]
pub struct SoakOptions {
    /// Play a simulated day of the periodic work of this many assistants, instead of the tests that take an hour.
    #[arg(long)]
    assistants: Option<u64>,
    /// How many hours of the day are played.
    #[arg(long, default_value_t = 24, requires = "assistants")]
    hours: u64,
    /// URL of a PostgreSQL server on which the day is played in a schema of its own, instead of on SQLite.
    #[arg(long, requires = "assistants")]
    database_url: Option<String>,
}

/// Runs the parts of the soak one after another, or plays a day.
pub fn soak(options: &SoakOptions) -> Result<()> {
    if let Some(assistants) = options.assistants {
        return soak_day(assistants, options);
    }
    for part in SOAK {
        print_progress(&format!("== {}", part.name));
        (part.run)()?;
    }
    Ok(())
}

/// Builds the benchmark that plays a day, as optimized as the distributed binary, and runs it.
fn soak_day(assistants: u64, options: &SoakOptions) -> Result<()> {
    let (assistants, hours) = (assistants.to_string(), options.hours.to_string());
    let bench = ["bench", "--profile", "dist", "--package", "reef-service", "--bench", "soak", "--"];
    let mut soak = command("cargo", &bench);
    soak.args(["--assistants", &assistants, "--hours", &hours]);
    if let Some(url) = &options.database_url {
        soak.arg("--postgres").env("TEST_DATABASE_URL", url);
    }
    run(&mut soak)
}

fn soak_storm() -> Result<()> {
    storm(&["--seconds=1800".to_owned()])
}

/// Builds the server and the tests, starts a private PostgreSQL unless only SQLite is requested, and runs a test.
fn run_test(test: &str, args: &[String]) -> Result<()> {
    print_progress("building the server and the chaos test");
    run(&mut command("cargo", &["build", "--package", "reef-server", "--package", "reef-chaos"]))?;
    let folder = project::cargo_target()?.join("debug");
    let mut chaos = command(folder.join("reef-chaos"), &[test, "--reef"]);
    chaos.arg(folder.join("reef")).args(args);
    let asks_for_sqlite = args.windows(2).any(|pair| pair == ["--database", "sqlite"]);
    let needs_postgres =
        !(asks_for_sqlite || args.iter().any(|arg| arg == "--database=sqlite" || arg == "--help"));
    let database = needs_postgres.then(postgres::start).transpose()?;
    if let Some(database) = &database {
        chaos.args(["--postgres", &database.url]);
    }
    run(&mut chaos)
}
