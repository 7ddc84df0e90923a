//! Metrics that are read from the database, at most once every few seconds, however many scrapes there are.

use std::time::{Duration, Instant};

use metrics::gauge;
use reef_domain::wire::Status;
use reef_domain::{Chain, Timestamp};
use reef_service::Services;
use reef_service::jobs::Job;
use reef_service::payments::EndpointHealth;
use reef_store::{StoreError, Tx, Waiting};
use tokio::sync::Mutex;

/// How old the values may be before a scrape reads them again.
const FRESH_FOR: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Tallies {
    asked: Mutex<Option<Instant>>,
}

impl Tallies {
    /// Reads the values again if they are too old. Concurrent scrapes wait for the one that reads.
    pub async fn look(&self, services: &Services) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < FRESH_FOR) {
            return;
        }
        let read = read(services).await;
        gauge!("reef_database_up").set(if read.is_ok() { 1.0 } else { 0.0 });
        match read {
            Ok(()) => gauge!("reef_database_last_read_timestamp_seconds").set(seconds(services.now())),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "database metrics could not be read");
            }
        }
        *asked = Some(Instant::now());
    }
}

async fn read(services: &Services) -> Result<(), StoreError> {
    let now = services.now();
    let (jobs, assistants, webhooks, updates) = {
        let mut tx = services.store().read().await?;
        tell_money(&mut tx, now).await?;
        let (jobs, assistants) = (tx.tally_jobs(now).await?, tx.tally_assistants().await?);
        (jobs, assistants, tx.tally_polar().await?, tx.tally_updates().await?)
    };
    // Zeros are set explicitly, because a gauge would otherwise keep its last value.
    for kind in Job::kinds() {
        let of = jobs.iter().find(|tally| tally.kind == kind);
        gauge!("reef_jobs_waiting", "kind" => kind).set(number(of.map_or(0, |tally| tally.waiting)));
        gauge!("reef_jobs_running", "kind" => kind).set(number(of.map_or(0, |tally| tally.running)));
        gauge!("reef_jobs_dead", "kind" => kind).set(number(of.map_or(0, |tally| tally.dead)));
        let since = of.and_then(|tally| tally.due_since);
        gauge!("reef_jobs_overdue_seconds", "kind" => kind).set(age(since, now));
    }
    gauge!("reef_jobs_open").set(number(jobs.iter().map(|tally| tally.waiting + tally.running).sum()));
    for status in Status::ALL {
        let count =
            assistants.iter().find(|(name, _)| name == status.as_str()).map_or(0, |(_, count)| *count);
        gauge!("reef_assistants", "status" => status.as_str()).set(number(count));
    }
    let tell = |Waiting { count, oldest }| (number(count), age(oldest, now));
    let (count, oldest) = tell(webhooks);
    gauge!("reef_polar_webhooks_waiting").set(count);
    gauge!("reef_polar_webhooks_oldest_age_seconds").set(oldest);
    let (count, oldest) = tell(updates);
    gauge!("reef_bot_updates_waiting").set(count);
    gauge!("reef_bot_updates_oldest_age_seconds").set(oldest);
    Ok(())
}

/// Records open revocations, overdue payment checks, the state of Polar's webhook endpoint and the oldest jobs.
async fn tell_money(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    let (open, oldest) = tx.open_revocations().await?;
    gauge!("reef_revocations_open").set(number(open));
    gauge!("reef_revocations_oldest_age_seconds").set(age(oldest, now));
    let (_, since) = tx.asks_overdue(now).await?;
    gauge!("reef_payment_checks_overdue_seconds").set(age(since, now));
    let seen = tx.endpoint_seen().await?;
    for health in EndpointHealth::ALL {
        let is_so = seen.as_deref() == Some(health.as_str());
        gauge!("reef_polar_webhook_endpoint", "state" => health.as_str()).set(if is_so { 1.0 } else { 0.0 });
    }
    let jobs = tx.open_jobs().await?;
    for kind in Job::kinds() {
        let of = jobs.iter().find(|open| open.kind == kind);
        gauge!("reef_jobs_oldest_age_seconds", "kind" => kind).set(age(of.map(|open| open.oldest), now));
        gauge!("reef_jobs_attempts_max", "kind" => kind).set(number(of.map_or(0, |open| open.attempts)));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
const fn number(count: i64) -> f64 {
    count as f64
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.since(since).as_secs_f64())
}

/// Converts a time to Unix seconds, the unit of Prometheus.
pub(super) fn seconds(at: Timestamp) -> f64 {
    number(at.unix_ms()) / 1000.0
}
