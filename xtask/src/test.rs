//! The tasks that test: `cargo xtask test` and its parts `unit`, `apitest`, `end2end`, `screens` and `lighthouse`.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::counts::Counts;
use crate::postgres::{self, Postgres};
use crate::run::{command, find, print_progress, run, run_counting};
use crate::{bench, chaos, dist, project, rules, site, system, tools};

/// All crates. Of the browser's, only the part that the server shares is built for this machine.
const HOST_CRATES: [&str; 1] = ["--workspace"];

/// Runs all steps until the first failure. Then prints the duration of each step, and the number of tests last.
pub fn test() -> ExitCode {
    let mut suite = Suite::default();
    let done = run_all(&mut suite);
    suite.report(done.err().as_ref())
}

/// Checks the rules and runs the fast tests on both databases. The arguments are passed to the test runner.
pub fn unit(args: &[String]) -> Result<()> {
    rules::check()?;
    let database = postgres::start()?;
    let packages = ["--package", "reef-domain", "--package", "reef-store", "--package", "reef-service"];
    run(rust_tests(&packages, &database).args(args))
}

/// Runs third-party API tools and generated clients against a fresh `target/dist/reef`.
pub fn apitest() -> Result<()> {
    run(&mut api_tools()?)
}

/// Runs the browser tests against a fresh `target/dist/reef`. The arguments are passed to Playwright.
pub fn end2end(args: &[String]) -> Result<()> {
    run(playwright("playwright")?.args(args))
}

/// Takes screenshots of every page of a fresh `target/dist/reef` into `docs/screens`. Playwright gets the arguments.
pub fn screens(args: &[String]) -> Result<()> {
    run(playwright("screens")?.args(args))
}

/// Runs Lighthouse against a fresh `target/dist/reef`. The arguments are passed to Playwright.
pub fn lighthouse(args: &[String]) -> Result<()> {
    run(playwright("lighthouse")?.args(args))
}

fn run_all(suite: &mut Suite) -> Result<()> {
    suite.step("formatting", |_| run(&mut command("cargo", &["fmt", "--all", "--check"])))?;
    suite.step("rules", |_| rules::check())?;
    suite.step("lints, server", |_| lint(&[&HOST_CRATES[..], &["--all-targets"]].concat()))?;
    suite.step("lints, browser", |_| {
        tools::install_wasm_target()?;
        // With the profile of the site, its build can reuse the macros that this step compiles.
        lint(&["--package", "reef-frontend", "--target", "wasm32-unknown-unknown", "--profile", "wasm"])
    })?;
    suite.step("lints, wire formats as WebAssembly", |_| {
        // The assistant and the wire formats that it uses also run as a Cloudflare Worker.
        let crates = ["--package", "reef-protocols", "--package", "reef-assistant"];
        lint(&[&crates[..], &["--target", "wasm32-unknown-unknown"]].concat())
    })?;
    suite.step("syntax of the programs in bench/", |_| bench::check_syntax())?;
    suite.step("licenses, sources and advisories", |_| licenses())?;
    suite.step("tests on SQLite and PostgreSQL", |counts| {
        run_counting(&mut rust_tests(&HOST_CRATES, &postgres::start()?), counts)
    })?;
    suite.step("examples in the documentation", |counts| {
        run_counting(
            &mut command("cargo", &[&["test", "--quiet", "--doc"], &HOST_CRATES[..]].concat()),
            counts,
        )
    })?;
    suite.step("site", |_| site::build())?;
    suite.step("size of the site", |_| site::check_size())?;
    suite.step("distributed binary", |_| dist::dist().map(drop))?;
    suite.step("API tools and generated clients", |counts| run_counting(&mut api_tools()?, counts))?;
    suite.step("chaos, a few kills on each database", |_| chaos::chaos(&["--kills=3".to_owned()]))?;
    suite.step("storm, half a minute on each database", |_| {
        // What is never followed is found in any time. The soak has the exact limit.
        chaos::storm(&["--seconds=30".to_owned(), "--allowance-ms=1000".to_owned()])
    })?;
    suite.step("browser tests", |counts| run_counting(&mut playwright("playwright")?, counts))?;
    suite.step("Lighthouse", |counts| run_counting(&mut playwright("lighthouse")?, counts))
}

fn lint(what: &[&str]) -> Result<()> {
    run(&mut command("cargo", &[&["clippy"], what, &["--", "-D", "warnings"]].concat()))
}

fn licenses() -> Result<()> {
    let deny = tools::install_cargo_deny()?;
    // An entry of the list of crates in two versions is deleted once it is not needed.
    let options = ["--hide-inclusion-graph", "-D", "unmatched-skip", "-D", "unnecessary-skip"];
    run(&mut command(&deny, &[&["check"], &options[..], &["licenses", "bans", "sources"]].concat()))?;
    // The advisory database is fetched from GitHub, which not every machine can reach.
    let fetched = command(&deny, &["fetch", "db"]).output().context("cargo-deny could not be started")?;
    if !fetched.status.success() {
        print_progress(
            "advisories were NOT checked: this machine cannot fetch the RustSec advisory database",
        );
        return Ok(());
    }
    run(&mut command(&deny, &["--offline", "check", "--hide-inclusion-graph", "advisories"]))
}

/// Returns a command that runs tests with nextest, or with `cargo test` if nextest is not installed.
fn rust_tests(packages: &[&str], database: &Postgres) -> Command {
    let runner: &[&str] = match find("cargo-nextest") {
        Some(_) => &["nextest", "run", "--no-fail-fast"],
        None => &["test", "--no-fail-fast", "--lib", "--bins", "--tests"],
    };
    let mut command = command("cargo", &[runner, packages].concat());
    command.env("TEST_DATABASE_URL", &database.url);
    command
}

fn api_tools() -> Result<Command> {
    let reef = dist::dist()?;
    tools::install_npm_packages("apitest")?;
    let mut command = command(tools::install_python_packages("apitest")?, &["-u", "apitest/run.py"]);
    command.env("REEF_BIN", reef);
    Ok(command)
}

/// Returns a command that runs Playwright with `end2end/{config}.config.ts`.
fn playwright(config: &str) -> Result<Command> {
    let chromium = system::chromium()?;
    let reef = dist::dist()?;
    let modules = tools::install_npm_packages("end2end")?;
    let mut command = command(modules.join(".bin/playwright"), &["test", "--config"]);
    command
        .arg(format!("{config}.config.ts"))
        .current_dir(project::root().join("end2end"))
        .env("CHROMIUM", chromium)
        .env("REEF_BIN", reef)
        .env("NO_COLOR", "1");
    Ok(command)
}

/// The completed steps and the counts of their tests.
#[derive(Default)]
struct Suite {
    counts: Counts,
    steps: Vec<(&'static str, Duration)>,
}

impl Suite {
    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Counts) -> Result<()>) -> Result<()> {
        print_progress(&format!("== {name}"));
        let started = Instant::now();
        let before = self.counts;
        let done = work(&mut self.counts);
        if done.is_err() && self.counts.failed == before.failed {
            // A failed step without tests counts as one failure, so that "0 failed" means that everything passed.
            self.counts.failed += 1;
        }
        self.steps.push((name, started.elapsed()));
        done
    }

    fn report(&self, failure: Option<&anyhow::Error>) -> ExitCode {
        println!();
        for (name, time) in &self.steps {
            println!("{:>7.1} s  {name}", time.as_secs_f32());
        }
        let total: Duration = self.steps.iter().map(|(_, time)| *time).sum();
        println!("{:>7.1} s  total", total.as_secs_f32());
        if let Some(error) = failure {
            println!("stopped by an error: {error:#}");
        }
        println!("{} passed, {} failed", self.counts.passed, self.counts.failed);
        if failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
