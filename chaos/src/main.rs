//! Kills Reef at random moments while customers use it and vendors misbehave, then looks whether anything was lost.
//!
//! Run it as `cargo xtask chaos`, which builds what it needs. Every random decision comes from the seed it prints:
//! who does what, what fails, when and which process is killed. How the operating system schedules it all is not
//! repeated, so a seed repeats the schedule, not the run.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod actor;
mod answers;
mod balancer;
mod chats;
mod checks;
mod client;
mod clock;
mod faults;
mod killer;
mod ledger;
mod money;
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

/// How many customers there are, with one assistant each at a time.
const ACTORS: u64 = 10;
/// How long things may take to come to rest once nothing fails any more: vendors' and jobs' waits between tries.
const QUIET_LIMIT: Duration = Duration::from_secs(240);
/// What was right once must still be right so much later.
const HOLDS_FOR: Duration = Duration::from_secs(5);

/// Which databases to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Database {
    /// One process.
    Sqlite,
    /// Two replicas.
    Postgres,
    /// First the one, then the other.
    Both,
}

/// Kills Reef at random moments and looks whether anything was lost.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos")]
struct Args {
    /// Where every random decision comes from; a new one unless given.
    #[arg(long)]
    seed: Option<u64>,
    /// How often a process is killed, on each database.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// Which databases to run on.
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// The binary under test.
    #[arg(long)]
    reef: PathBuf,
    /// A PostgreSQL server in which databases may be created.
    #[arg(long)]
    postgres: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool> {
    // An error says that a provider has been chosen already, which is just as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("chaos: seed {seed} (repeat the schedule with --seed {seed})");
    let mut is_fine = true;
    if args.database != Database::Postgres {
        is_fine &= one("SQLite", World::on_sqlite(&args.reef).await?, &args, seed).await?;
    }
    if args.database != Database::Sqlite {
        let server = args.postgres.as_deref().context("--postgres names no server")?;
        is_fine &=
            one("PostgreSQL", World::on_postgres(&args.reef, server, seed).await?, &args, seed).await?;
    }
    Ok(is_fine)
}

/// One run on one database: whether everything was as it has to be.
async fn one(name: &str, mut world: World, args: &Args, seed: u64) -> Result<bool> {
    let started = Instant::now();
    println!("chaos: {name}, {} process(es), logs in {}", world.replicas(), world.folder().display());
    let (stop, stopped) = watch::channel(false);
    let ledger = Arc::new(Ledger::default());
    let mut actors = JoinSet::new();
    let mut owners = Vec::new();
    for number in 0..ACTORS {
        let customer = world.customer(number).await?;
        owners.push(customer.clone());
        let rng = fastrand::Rng::with_seed(seed.wrapping_add(number + 1));
        let ledger = Arc::clone(&ledger);
        let actor =
            Actor { customer, number: usize::try_from(number)?, rng, ledger, made: 0, unpaid: Vec::new() };
        actors.spawn(actor.run(stopped.clone()));
    }
    let vendors = tokio::spawn(faults::misbehave(
        world.sandbox().clone(),
        fastrand::Rng::with_seed(seed ^ 0xFA17),
        stopped.clone(),
    ));
    killer::kill(&mut world, &ledger, args.kills, fastrand::Rng::with_seed(seed ^ 0x9111)).await?;
    stop.send(true).context("nobody listens")?;
    let faults = vendors.await??;
    while let Some(ended) = actors.join_next().await {
        ended??;
    }
    println!("chaos: {name}, all is calm after {:.0} s; waiting for quiet", started.elapsed().as_secs_f32());
    let mut wrong = wait_for_quiet(&owners, &ledger).await;
    wrong.splice(0..0, ledger.problems());
    let counts = ledger.counts();
    println!(
        "chaos: {name}: {} kills, {faults} faults ordered; {} requests of which {} were sent again; {} assistants bought, \
         {} changes answered, {} callbacks checked, {} messages to bots; {:.0} s",
        args.kills,
        counts.requests,
        counts.retries,
        counts.bought,
        counts.changes,
        counts.callbacks,
        counts.questions,
        started.elapsed().as_secs_f32()
    );
    world.end().await;
    if wrong.is_empty() {
        println!("chaos: {name}: nothing was lost");
        return Ok(true);
    }
    let kept = world.keep();
    println!("chaos: {name}: {} thing(s) wrong; seed {seed}; logs kept in {}", wrong.len(), kept.display());
    for problem in &wrong {
        println!("  - {problem}");
    }
    Ok(false)
}

/// Looks until all is as it has to be, and once more a little later. What is still wrong at the limit.
async fn wait_for_quiet(owners: &[client::Customer], ledger: &Ledger) -> Vec<String> {
    let started = Instant::now();
    let mut held = false;
    loop {
        let wrong = match checks::all(owners, ledger).await {
            Ok(wrong) => wrong,
            Err(error) => vec![format!("cannot look: {error:#}")],
        };
        if (wrong.is_empty() && held) || started.elapsed() > QUIET_LIMIT {
            return wrong;
        }
        held = wrong.is_empty();
        tokio::time::sleep(if held { HOLDS_FOR } else { Duration::from_secs(2) }).await;
    }
}
