//! Many open event streams: what they cost, and how long a change takes to reach those that it concerns.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::client::Customer;
use crate::clock::now_ms;
use crate::database::Database;
use crate::keys;
use crate::sql::Dialect;

/// The streams of each user, both on the same assistant.
const STREAMS_PER_USER: usize = 2;
/// Streams that are opened at the same time.
const OPENING: usize = 64;
/// Changes in each second that concern no stream.
const UNRELATED_PER_SECOND: usize = 100;
/// Changes in each second that concern the streams of one user.
const MEASURED_PER_SECOND: usize = 10;
/// How long a change may take to reach a stream.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);
/// The events that the tables have of each assistant.
const KNOWN_EVENTS: &str = "3";

/// The options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Address of Reef.
    #[arg(long)]
    reef: SocketAddr,
    /// Its process, whose memory is measured.
    #[arg(long)]
    pid: u32,
    /// URL of its database, which `fill` has filled.
    #[arg(long)]
    database: String,
    /// Number of streams.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// Seconds during which changes are made.
    #[arg(long, default_value_t = 10)]
    seconds: usize,
}

/// The assistants of one user, and a customer who acts for him.
struct Owner {
    customer: Customer,
    assistants: Vec<Uuid>,
}

/// A stream of this assistant received an event.
struct Arrival {
    assistant: Uuid,
    at: Instant,
}

/// Opens the streams, makes changes and waits until they have arrived.
pub async fn run(options: &Options) -> Result<Value> {
    let files = rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files is unknown")?;
    ensure!(options.streams as u64 + 200 < files, "{files} open files do not suffice: raise `ulimit -n`");
    let mut owners = owners(options).await?;
    let users = options.streams / STREAMS_PER_USER;
    ensure!(owners.len() > users, "the tables have only {} users", owners.len());
    let unrelated = owners.split_off(users);
    let memory_before = memory_kb(options.pid)?;
    let (sender, mut arrivals) = unbounded_channel();
    open_all(options.reef, &owners, &sender).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let memory = memory_kb(options.pid)?.saturating_sub(memory_before);
    let sent = make_changes(options.seconds, &owners, &unrelated).await?;
    let mut delays = delays(&sent, &mut arrivals).await?;
    delays.sort_by(f64::total_cmp);
    let percentile = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    Ok(json!({
        "streams": options.streams,
        "KB per stream": f64::from(u32::try_from(memory)?) / f64::from(u32::try_from(options.streams)?),
        "changes": sent.len(),
        "p50, ms": percentile(50),
        "p99, ms": percentile(99),
        "last, ms": percentile(100),
    }))
}

/// Reads the users that `fill` has inserted, and gives each a key.
async fn owners(options: &Options) -> Result<Vec<Owner>> {
    let mut database = Database::connect(&options.database).await?;
    let mut by_user: Vec<(Uuid, Vec<Uuid>)> = Vec::new();
    for (user, assistant) in database.assistants_of_others().await? {
        match by_user.last_mut() {
            Some((last, assistants)) if *last == user => assistants.push(assistant),
            _ => by_user.push((user, vec![assistant])),
        }
    }
    let users: Vec<_> = by_user.iter().map(|(user, _)| *user).collect();
    let keys = keys::insert(&mut database, Dialect::of(&options.database), &users, now_ms()?).await?;
    let reef = options.reef;
    let owner = |((_, assistants), key)| Owner { customer: Customer { reef, key }, assistants };
    Ok(by_user.into_iter().zip(keys).map(owner).collect())
}

async fn open_all(reef: SocketAddr, owners: &[Owner], arrivals: &UnboundedSender<Arrival>) -> Result<()> {
    let mut opening = JoinSet::new();
    for owner in owners {
        for _ in 0..STREAMS_PER_USER {
            if opening.len() >= OPENING {
                opening.join_next().await.context("no stream is being opened")???;
            }
            let (assistant, key) = (owner.assistants[0], owner.customer.key.clone());
            let arrivals = arrivals.clone();
            opening.spawn(async move { open(reef, assistant, &key, arrivals).await });
        }
    }
    opening.join_all().await.into_iter().collect()
}

/// Opens a stream, whose events are reported until the program ends.
async fn open(
    reef: SocketAddr,
    assistant: Uuid,
    key: &str,
    arrivals: UnboundedSender<Arrival>,
) -> Result<()> {
    let mut stream = TcpStream::connect(reef).await.context("a stream could not be opened")?;
    let head = format!(
        "GET /api/v1/assistants/{assistant}/events HTTP/1.1\r\nHost: {reef}\r\nX-API-Key: {key}\r\n\
         Accept: text/event-stream\r\nLast-Event-ID: {KNOWN_EVENTS}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.context("a stream could not be requested")?;
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer).await.context("a stream did not begin")?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    if !text.starts_with("HTTP/1.1 200") {
        bail!("a stream was refused: {text}");
    }
    tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let at = Instant::now();
            // An event fits into one packet. Comments have no data.
            if buffer[..length].windows(5).any(|word| word == b"data:")
                && arrivals.send(Arrival { assistant, at }).is_err()
            {
                break;
            }
        }
    });
    Ok(())
}

/// Stops assistants, evenly over the time. Returns when each change that concerns streams was requested.
async fn make_changes(
    seconds: usize,
    owners: &[Owner],
    unrelated: &[Owner],
) -> Result<HashMap<Uuid, Instant>> {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(UNRELATED_PER_SECOND)?);
    let mut others =
        unrelated.iter().flat_map(|owner| owner.assistants.iter().map(|id| (&owner.customer, *id)));
    let mut measured = owners.iter();
    let (mut requests, mut sent) = (JoinSet::new(), HashMap::new());
    for number in 0..seconds * UNRELATED_PER_SECOND {
        tick.tick().await;
        let (customer, id) = others.next().context("there are too few assistants without streams")?;
        requests.spawn(stop(customer.clone(), id));
        if number % (UNRELATED_PER_SECOND / MEASURED_PER_SECOND) == 0 {
            let owner = measured.next().context("there are too few streams")?;
            sent.insert(owner.assistants[0], Instant::now());
            requests.spawn(stop(owner.customer.clone(), owner.assistants[0]));
        }
    }
    requests.join_all().await.into_iter().collect::<Result<()>>()?;
    Ok(sent)
}

async fn stop(customer: Customer, id: Uuid) -> Result<()> {
    customer.call("POST", &format!("/{id}/stop"), None).await.map(drop)
}

/// Returns the milliseconds from each request until each stream of its assistant received the event.
async fn delays(
    sent: &HashMap<Uuid, Instant>,
    arrivals: &mut UnboundedReceiver<Arrival>,
) -> Result<Vec<f64>> {
    let mut delays = Vec::new();
    while delays.len() < sent.len() * STREAMS_PER_USER {
        let next = tokio::time::timeout(ARRIVAL_LIMIT, arrivals.recv()).await;
        let arrival =
            next.context("a change did not reach its streams")?.context("all streams have ended")?;
        let at = sent.get(&arrival.assistant).context("a stream received an event without a change")?;
        delays.push(arrival.at.duration_since(*at).as_secs_f64() * 1e3);
    }
    Ok(delays)
}

fn memory_kb(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("Reef has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no memory is known")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
