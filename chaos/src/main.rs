//! The chaos test: kills Reef at random moments while customers use it and vendors fail, and then checks that nothing was
//! lost. The storm test, in `storm`, checks what is read meanwhile.
//!
//! `cargo xtask chaos` and `cargo xtask storm` build and run them. A printed seed decides every action, fault and kill. It repeats that plan, but not
//! the scheduling of the operating system, so two runs with the same seed may differ.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod actor;
mod balancer;
mod chats;
mod checks;
mod client;
mod clock;
mod disruption;
mod faults;
mod killer;
mod ledger;
mod replies;
mod storm;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actor::Actor;
use crate::ledger::Ledger;
use crate::world::World;

/// The number of customers. Each works on one assistant at a time.
const ACTORS: u64 = 10;
/// How long the system may take to settle after the last fault, which covers the waits between attempts.
const SETTLE_LIMIT: Duration = Duration::from_secs(240);
/// The checks must pass twice, this far apart.
const RECHECK_DELAY: Duration = Duration::from_secs(5);

/// The databases to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    /// One process on SQLite.
    Sqlite,
    /// Two replicas on PostgreSQL.
    Postgres,
    /// SQLite first, then PostgreSQL.
    Both,
}

#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Test {
    /// Kill Reef at random moments and check that nothing is lost.
    Chaos(Args),
    /// Write, disturb and read, and check that no read is out of date.
    Storm(storm::Args),
}

#[derive(Debug, clap::Args)]
struct Args {
    /// The seed of all random decisions, which is random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// The number of kills on each database.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// The databases to run on.
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// The path of the binary under test.
    #[arg(long)]
    reef: PathBuf,
    /// The URL of a PostgreSQL server in which databases can be created.
    #[arg(long)]
    postgres: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // This fails if the process has installed a provider already, and any provider will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let done = match Test::parse() {
        Test::Chaos(args) => run(args).await,
        Test::Storm(args) => storm::run(args).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("chaos: seed {seed} (repeat the schedule with --seed {seed})");
    let mut has_passed = true;
    if args.database != Database::Postgres {
        has_passed &= run_on("SQLite", World::start_on_sqlite(&args.reef).await?, &args, seed).await?;
    }
    if args.database != Database::Sqlite {
        let server = args.postgres.as_deref().context("--postgres is required for this database")?;
        has_passed &=
            run_on("PostgreSQL", World::start_on_postgres(&args.reef, server, seed).await?, &args, seed)
                .await?;
    }
    Ok(has_passed)
}

/// Runs the test on one database. Returns whether all checks passed.
async fn run_on(name: &str, mut world: World, args: &Args, seed: u64) -> Result<bool> {
    let started = Instant::now();
    println!("chaos: {name}, {} process(es), logs in {}", world.replicas(), world.folder_path().display());
    let (stop, stopped) = watch::channel(false);
    let ledger = Arc::new(Ledger::default());
    let mut actors = JoinSet::new();
    let mut owners = Vec::new();
    for number in 0..ACTORS {
        let customer = world.create_customer(number).await?;
        owners.push(customer.clone());
        let rng = fastrand::Rng::with_seed(seed.wrapping_add(number + 1));
        let ledger = Arc::clone(&ledger);
        let actor = Actor {
            customer,
            number: usize::try_from(number)?,
            rng,
            ledger,
            bots_created: 0,
            unpaid: Vec::new(),
        };
        actors.spawn(actor.run(stopped.clone()));
    }
    let vendors = tokio::spawn(faults::inject(
        world.sandbox().clone(),
        fastrand::Rng::with_seed(seed ^ 0xFA17),
        stopped.clone(),
    ));
    killer::run(&mut world, &ledger, args.kills, fastrand::Rng::with_seed(seed ^ 0x9111)).await?;
    stop.send(true).context("all actors have ended early")?;
    let faults = vendors.await??;
    while let Some(ended) = actors.join_next().await {
        ended??;
    }
    println!(
        "chaos: {name}, customers stopped after {:.0} s; waiting for the system to settle",
        started.elapsed().as_secs_f32()
    );
    let mut problems = wait_until_settled(&owners, &ledger).await;
    problems.splice(0..0, ledger.problems());
    let counts = ledger.counts();
    println!(
        "chaos: {name}: {} kills, {faults} faults, {} requests and {} retries, {} assistants bought, {} changes confirmed, {} \
         webhooks checked, {} messages to bots, {:.0} s",
        args.kills,
        counts.requests,
        counts.retries,
        counts.bought,
        counts.changes,
        counts.callbacks,
        counts.messages,
        started.elapsed().as_secs_f32()
    );
    world.kill_all().await;
    if problems.is_empty() {
        println!("chaos: {name}: nothing was lost");
        return Ok(true);
    }
    let kept = world.persist_folder();
    println!(
        "chaos: {name}: {} check(s) failed with seed {seed}; logs are in {}",
        problems.len(),
        kept.display()
    );
    for problem in &problems {
        println!("  - {problem}");
    }
    Ok(false)
}

/// Repeats the checks until they pass twice in a row. Returns the problems that remain at the limit.
async fn wait_until_settled(owners: &[client::Customer], ledger: &Ledger) -> Vec<String> {
    let started = Instant::now();
    let mut held = false;
    loop {
        let problems = match checks::find_problems(owners, ledger).await {
            Ok(wrong) => wrong,
            Err(error) => vec![format!("the checks could not run: {error:#}")],
        };
        if (problems.is_empty() && held) || started.elapsed() > SETTLE_LIMIT {
            return problems;
        }
        held = problems.is_empty();
        tokio::time::sleep(if held { RECHECK_DELAY } else { Duration::from_secs(2) }).await;
    }
}
