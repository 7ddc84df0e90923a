//! The storm test: random writes, revocations and disturbances, while every read is checked against what its process has
//! confirmed, and against what any process has confirmed more than a second before.
//!
//! `cargo xtask storm` builds and runs it.

mod api;
mod book;
mod disturbance;
mod key_writer;
mod keys;
mod proxy;
mod reader;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reqwest::Url;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Database;
use crate::world::{self, World};

use self::api::Api;
use self::book::Book;
use self::disturbance::{Disturber, Postgres};
use self::key_writer::KeyWriter;
use self::keys::{KeyHistory, Keys};
use self::proxy::Proxy;
use self::reader::Reader;
use self::writer::{Slots, Writer};

/// How long a process may show what another one has changed.
const STALE_FOR: Duration = Duration::from_secs(1);
const CUSTOMERS: usize = 3;
/// The tasks that read from each process.
const READERS: u64 = 3;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The seed of all random decisions, which is random by default.
    #[arg(long)]
    seed: Option<u64>,
    /// How long to run on each database.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The databases to run on.
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// How much longer than a second a process may show what another one has changed, in milliseconds.
    #[arg(long, default_value_t = 100)]
    allowance_ms: u64,
    /// The path of the binary under test.
    #[arg(long)]
    reef: PathBuf,
    /// The URL of a PostgreSQL server in which databases can be created.
    #[arg(long)]
    postgres: Option<String>,
}

/// Runs the test on the requested databases. Returns whether no read was out of date.
pub async fn run(args: Args) -> Result<bool> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("storm: seed {seed} (repeat the decisions with --seed {seed})");
    let mut has_passed = true;
    if args.database != Database::Postgres {
        let world = World::start_on_sqlite(&args.reef).await?;
        has_passed &= run_on("SQLite", world, None, &args, seed).await?;
    }
    if args.database != Database::Sqlite {
        let server = args.postgres.as_deref().context("--postgres is required for this database")?;
        let url = world::create_database(server, "storm", seed).await?;
        let (postgres, urls) = start_proxies(&url, 2).await?;
        let world = World::start_on(&args.reef, url.into(), urls).await?;
        has_passed &= run_on("PostgreSQL", world, Some(postgres), &args, seed).await?;
    }
    Ok(has_passed)
}

/// Starts a proxy for each process. Returns the URLs of the database through them.
async fn start_proxies(url: &Url, processes: usize) -> Result<(Postgres, Vec<String>)> {
    let server = format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(5432));
    let connection = PgConnection::connect(url.as_str()).await.context("PostgreSQL could not be reached")?;
    let (mut proxies, mut urls) = (Vec::new(), Vec::new());
    for _ in 0..processes {
        let proxy = Proxy::start(server.clone()).await?;
        let mut through = url.clone();
        let is_set = through.set_ip_host(proxy.address.ip()).is_ok()
            && through.set_port(Some(proxy.address.port())).is_ok();
        anyhow::ensure!(is_set, "the URL of PostgreSQL cannot have another host");
        urls.push(through.into());
        proxies.push(proxy);
    }
    Ok((Postgres { connection, proxies }, urls))
}

/// Runs the test on one database. Returns whether no read was out of date.
async fn run_on(
    name: &str,
    mut world: World,
    postgres: Option<Postgres>,
    args: &Args,
    seed: u64,
) -> Result<bool> {
    println!("storm: {name}, {} process(es), logs in {}", world.replicas(), world.folder_path().display());
    let book = Arc::new(Book::new(STALE_FOR + Duration::from_millis(args.allowance_ms)));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    spawn_clients(&mut tasks, &world, &book, seed, &stopped).await?;
    let started = Instant::now();
    let disturbed =
        Disturber { world: &mut world, book: &book, rng: fastrand::Rng::with_seed(seed ^ 0xD157), postgres }
            .run(started + Duration::from_secs(args.seconds))
            .await;
    if let Err(error) = disturbed {
        book.record_problem(&format!("{error:#}"));
    }
    if book.problems().is_empty() {
        stop.send(true).context("all tasks have ended early")?;
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended? {
                book.record_problem(&format!("{error:#}"));
            }
        }
    }
    // After a problem, others may follow from it, such as payments that never arrive.
    drop(tasks);
    world.kill_all().await;
    let counts = book.counts();
    println!("storm: {name}: {counts:?}, {:.0} s", started.elapsed().as_secs_f32());
    report(name, world, &book.problems(), seed)
}

/// Starts the writers and readers.
async fn spawn_clients(
    tasks: &mut JoinSet<Result<()>>,
    world: &World,
    book: &Arc<Book>,
    seed: u64,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let api = Api::new(world.addresses())?;
    let rng = |number: u64| fastrand::Rng::with_seed(seed.wrapping_add(number));
    let keys = Arc::new(Keys::new(Arc::clone(book)));
    let mut customers = Vec::new();
    for number in 0..CUSTOMERS {
        let customer = world.create_customer(u64::try_from(number)?).await?;
        keys.record(KeyHistory::new(number, customer.key.clone()));
        let writer = Writer {
            api: api.clone(),
            book: Arc::clone(book),
            rng: rng(u64::try_from(number)?),
            number,
            key: customer.key.clone(),
            slots: Slots::default(),
        };
        tasks.spawn(writer.run(stopped.clone()));
        customers.push(customer);
    }
    for process in 0..world.replicas() {
        for reader in 0..READERS {
            let reader = Reader {
                api: api.clone(),
                book: Arc::clone(book),
                keys: Arc::clone(&keys),
                rng: rng(100 + 10 * u64::try_from(process)? + reader),
                process,
                permanent_keys: CUSTOMERS,
            };
            let stopped = stopped.clone();
            tasks.spawn(async move {
                reader.run(stopped).await;
                Ok(())
            });
        }
    }
    let command_line = world.command_line().clone();
    let key_writer = KeyWriter { command_line, book: Arc::clone(book), keys, rng: rng(1000), customers };
    tasks.spawn(key_writer.run(stopped.clone()));
    Ok(())
}

/// Prints the problems and keeps the logs if there are any.
fn report(name: &str, world: World, problems: &[String], seed: u64) -> Result<bool> {
    if problems.is_empty() {
        println!("storm: {name}: no read was out of date");
        return Ok(true);
    }
    let kept = world.persist_folder();
    println!("storm: {name}: {} problem(s) with seed {seed}; logs are in {}", problems.len(), kept.display());
    for problem in problems {
        println!("  - {problem}");
    }
    Ok(false)
}
