//! Sends the pending requests of a queue until the sandbox stops: in order within a lane, concurrently across lanes.

use std::{collections::HashSet, future::Future, time::Duration};

use reqwest::header::HeaderMap;
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{World, clock::now_ms, faults};

/// The longest wait between two checks of the queue, so that a lost signal delays a delivery by at most this much.
const POLL_INTERVAL_MS_MAX: i64 = 5_000;
/// The shortest time from one check of the queue to the next. A check reads everything that waits, and with a check after each
/// delivery a queue would take a time that grows with the square of its length.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
const IN_FLIGHT_MAX: usize = 256;
const RESPONSE_BYTES_MAX: usize = 64 * 1024;
/// The wait before a lane continues when an outcome could not be recorded.
const RECORD_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long deliveries in flight may take once the process stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// A POST request that is due at `due_at`, in milliseconds since 1970.
pub(crate) struct Delivery<K> {
    /// Deliveries of one lane are sent one at a time.
    pub lane: String,
    pub key: K,
    pub due_at: i64,
    pub url: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// The result of a delivery.
pub(crate) enum Outcome {
    /// The status (2xx) and the body of the response.
    Delivered(u16, Vec<u8>),
    /// The status, or `None` when there was no response, and the reason.
    Failed(Option<u16>, String),
}

/// A stored queue of deliveries.
pub(crate) trait DeliveryQueue: Clone + Send + Sync + 'static {
    type Key: Send + 'static;
    /// How long the receiver may take to respond.
    const TIMEOUT: Duration;
    /// The first delivery of every lane, due or not, ordered by when it is due.
    fn list_next(&self) -> impl Future<Output = Result<Vec<Delivery<Self::Key>>, sqlx::Error>> + Send;
    /// Applies a configured fault to a delivery and records its effect. Returns whether the delivery must not be sent.
    fn apply_fault(
        &self,
        _delivery: &Delivery<Self::Key>,
    ) -> impl Future<Output = Result<bool, sqlx::Error>> + Send {
        std::future::ready(Ok(false))
    }
    fn record(
        &self,
        key: Self::Key,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
    /// Signaled when a delivery is added.
    fn signal(&self) -> &Notify;
    fn world(&self) -> &World;
}

/// Runs until `stop` is cancelled. Deliveries in flight then have [`SHUTDOWN_GRACE`] to finish; the others are sent after
/// the next start.
pub(crate) async fn run<Q: DeliveryQueue>(queue: Q, http: reqwest::Client, stop: CancellationToken) {
    let mut busy_lanes: HashSet<String> = HashSet::new();
    let mut in_flight: JoinSet<String> = JoinSet::new();
    loop {
        let next_check = Instant::now() + CHECK_INTERVAL;
        let wait_ms = match start_due(&queue, &http, &mut busy_lanes, &mut in_flight).await {
            Ok(nap) => nap,
            Err(error) => {
                tracing::error!(%error, "sandbox delivery queue could not be read");
                POLL_INTERVAL_MS_MAX
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = queue.signal().notified() => {}
            () = tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))) => {}
            Some(finished) = in_flight.join_next() => release_lane(&mut busy_lanes, finished),
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(next_check) => {}
        }
        while let Some(finished) = in_flight.try_join_next() {
            release_lane(&mut busy_lanes, finished);
        }
    }
    let last = async { while in_flight.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, last).await.is_err() {
        tracing::info!(
            "sandbox stopped with deliveries in flight, which are sent again after the next start"
        );
    }
}

fn release_lane(busy_lanes: &mut HashSet<String>, finished: Result<String, JoinError>) {
    match finished {
        Ok(lane) => {
            busy_lanes.remove(&lane);
        }
        Err(error) => tracing::error!(%error, "sandbox delivery panicked"),
    }
}

/// Starts what is due on every free lane and returns the milliseconds until the next delivery is due.
async fn start_due<Q: DeliveryQueue>(
    queue: &Q,
    http: &reqwest::Client,
    busy_lanes: &mut HashSet<String>,
    in_flight: &mut JoinSet<String>,
) -> Result<i64, sqlx::Error> {
    let now = now_ms();
    let mut wait_ms = POLL_INTERVAL_MS_MAX;
    for delivery in queue.list_next().await? {
        if busy_lanes.contains(&delivery.lane) || in_flight.len() >= IN_FLIGHT_MAX {
            continue;
        }
        if delivery.due_at > now {
            wait_ms = wait_ms.min(delivery.due_at - now);
            continue;
        }
        busy_lanes.insert(delivery.lane.clone());
        in_flight.spawn(deliver(queue.clone(), http.clone(), delivery));
    }
    Ok(wait_ms)
}

async fn deliver<Q: DeliveryQueue>(queue: Q, http: reqwest::Client, delivery: Delivery<Q::Key>) -> String {
    match queue.apply_fault(&delivery).await {
        Ok(false) => {}
        Ok(true) => return delivery.lane,
        Err(error) => tracing::error!(%error, "sandbox faults could not be read"),
    }
    let Delivery { lane, key, url, headers, body, .. } = delivery;
    let request = || http.post(&url).headers(headers.clone()).body(body.clone()).timeout(Q::TIMEOUT);
    // A vendor that never received the first response sends the same request again.
    match faults::consume_duplicate(queue.world(), &url).await {
        Ok(true) => drop(request().send().await),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "sandbox faults could not be read"),
    }
    let sent = request().send().await;
    let outcome = match sent {
        Ok(mut answer) if answer.status().is_success() => {
            let status = answer.status().as_u16();
            Outcome::Delivered(status, read_bounded(&mut answer).await)
        }
        Ok(answer) => {
            let status = answer.status();
            Outcome::Failed(Some(status.as_u16()), format!("Wrong response from the webhook: {status}"))
        }
        // The URL may contain a secret, and the text is shown on a page.
        Err(error) => Outcome::Failed(None, failure_text(&error.without_url())),
    };
    if let Err(error) = queue.record(key, outcome).await {
        tracing::error!(%error, "outcome of a sandbox delivery could not be recorded");
        tokio::time::sleep(RECORD_RETRY_DELAY).await;
    }
    lane
}

fn failure_text(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "Read timeout expired".to_owned()
    } else if error.is_connect() {
        "Connection refused".to_owned()
    } else {
        error.to_string()
    }
}

/// Reads the body of a response up to [`RESPONSE_BYTES_MAX`].
async fn read_bounded(answer: &mut reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if body.len() + chunk.len() > RESPONSE_BYTES_MAX {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    body
}
