//! Delivers what waits in a queue, in order within a lane, side by side across lanes, until it is told to stop.

use std::{collections::HashSet, future::Future, time::Duration};

use reqwest::header::HeaderMap;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{World, clock::now_ms, faults};

/// Never asleep for longer than this: a lost signal costs at most so much.
const NAP_MS_MAX: i64 = 5_000;
/// Deliveries under way at once, over all lanes.
const IN_FLIGHT_MAX: usize = 256;
/// An answer's body beyond this is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A lane rests so long when a result cannot be written.
const RECORD_PAUSE: Duration = Duration::from_secs(1);
/// How long the deliveries under way may take once the process stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// One POST to be made.
pub(crate) struct Parcel<K> {
    /// Parcels of one lane go one after the other.
    pub lane: String,
    pub key: K,
    pub due_at: i64,
    pub url: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// What came of a delivery.
pub(crate) enum Outcome {
    /// A 2xx, with its body.
    Delivered(u16, Vec<u8>),
    /// Any other status, or `None` when there was no answer, and why.
    Failed(Option<u16>, String),
}

/// Where parcels wait.
pub(crate) trait Queue: Clone + Send + Sync + 'static {
    type Key: Send + 'static;
    /// How long the receiver may take to answer.
    const TIMEOUT: Duration;
    /// The head of every lane, due or not, soonest first.
    fn heads(&self) -> impl Future<Output = Result<Vec<Parcel<Self::Key>>, sqlx::Error>> + Send;
    /// Whether a delivery is not to be made: a fault was ordered, and what comes of it is recorded.
    fn is_prevented(
        &self,
        _parcel: &Parcel<Self::Key>,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        std::future::ready(Ok(false))
    }
    /// Records what came of a delivery.
    fn record(
        &self,
        key: Self::Key,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Signalled when something was put in.
    fn signal(&self) -> &Notify;
    /// What it is a part of.
    fn world(&self) -> &World;
}

/// Runs until `stop`; what is still under way then gets a moment, and is otherwise delivered after the next start.
pub(crate) async fn run<Q: Queue>(queue: Q, http: reqwest::Client, stop: CancellationToken) {
    let mut busy: HashSet<String> = HashSet::new();
    let mut under_way: JoinSet<String> = JoinSet::new();
    loop {
        let nap = match start_due(&queue, &http, &mut busy, &mut under_way).await {
            Ok(nap) => nap,
            Err(error) => {
                tracing::error!(%error, "the sandbox's queue cannot be read");
                NAP_MS_MAX
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = queue.signal().notified() => {}
            () = tokio::time::sleep(Duration::from_millis(u64::try_from(nap).unwrap_or(0))) => {}
            Some(finished) = under_way.join_next() => match finished {
                Ok(lane) => { busy.remove(&lane); }
                Err(error) => tracing::error!(%error, "a delivery of the sandbox broke off"),
            },
        }
    }
    let last = async { while under_way.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, last).await.is_err() {
        tracing::info!(
            "the sandbox stops with deliveries under way; they are made again after the next start"
        );
    }
}

/// Starts all that is due on lanes that are free, and says how long nothing else will be, in milliseconds.
async fn start_due<Q: Queue>(
    queue: &Q,
    http: &reqwest::Client,
    busy: &mut HashSet<String>,
    under_way: &mut JoinSet<String>,
) -> Result<i64, sqlx::Error> {
    let now = now_ms();
    let mut nap = NAP_MS_MAX;
    for parcel in queue.heads().await? {
        if busy.contains(&parcel.lane) || under_way.len() >= IN_FLIGHT_MAX {
            continue;
        }
        if parcel.due_at > now {
            nap = nap.min(parcel.due_at - now);
            continue;
        }
        busy.insert(parcel.lane.clone());
        under_way.spawn(deliver(queue.clone(), http.clone(), parcel));
    }
    Ok(nap)
}

async fn deliver<Q: Queue>(queue: Q, http: reqwest::Client, parcel: Parcel<Q::Key>) -> String {
    match queue.is_prevented(&parcel).await {
        Ok(false) => {}
        Ok(true) => return parcel.lane,
        Err(error) => tracing::error!(%error, "the sandbox's faults cannot be read"),
    }
    let Parcel { lane, key, url, headers, body, .. } = parcel;
    let request = || http.post(&url).headers(headers.clone()).body(body.clone()).timeout(Q::TIMEOUT);
    // A vendor that did not hear the first answer sends the same again.
    match faults::is_doubled(queue.world(), &url).await {
        Ok(true) => drop(request().send().await),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "the sandbox's faults cannot be read"),
    }
    let sent = request().send().await;
    let outcome = match sent {
        Ok(mut answer) if answer.status().is_success() => {
            let status = answer.status().as_u16();
            Outcome::Delivered(status, read_some(&mut answer).await)
        }
        Ok(answer) => {
            let status = answer.status();
            Outcome::Failed(Some(status.as_u16()), format!("Wrong response from the webhook: {status}"))
        }
        // The URL may carry what is nobody's business: it stays out of the text.
        Err(error) => Outcome::Failed(None, failure(&error.without_url())),
    };
    if let Err(error) = queue.record(key, outcome).await {
        tracing::error!(%error, "a delivery of the sandbox could not be recorded; it is made again");
        tokio::time::sleep(RECORD_PAUSE).await;
    }
    lane
}

fn failure(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "Read timeout expired".to_owned()
    } else if error.is_connect() {
        "Connection refused".to_owned()
    } else {
        error.to_string()
    }
}

/// What the receiver answered, or as much of it as came within the bounds.
async fn read_some(answer: &mut reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    body
}
