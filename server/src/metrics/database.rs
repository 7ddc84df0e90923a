//! Metrics that are read from the database, at most once every few seconds, however many scrapes there are.

use std::time::{Duration, Instant};

use metrics::gauge;
use reef_domain::wire::Status;
use reef_domain::{ErrorChain, Timestamp};
use reef_service::Services;
use reef_service::billing::EndpointHealth;
use reef_service::jobs;
use reef_store::{Backlog, StoreError, Tx};
use tokio::sync::Mutex;

/// How old the values may be before a scrape reads them again.
const MAX_AGE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct DatabaseMetrics {
    last_read: Mutex<Option<Instant>>,
}

impl DatabaseMetrics {
    /// Reads the values again if they are too old. Concurrent scrapes wait for the one that reads.
    pub async fn refresh(&self, services: &Services) {
        let mut last_read = self.last_read.lock().await;
        if last_read.is_some_and(|at| at.elapsed() < MAX_AGE) {
            return;
        }
        let read = read(services).await;
        gauge!("reef_database_up").set(if read.is_ok() { 1.0 } else { 0.0 });
        match read {
            Ok(()) => gauge!("reef_database_last_read_timestamp_seconds").set(unix_seconds(services.now())),
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "database metrics could not be read");
            }
        }
        *last_read = Some(Instant::now());
    }
}

async fn read(services: &Services) -> Result<(), StoreError> {
    let now = services.now();
    let (jobs, assistants, webhooks, updates) = {
        let mut tx = services.store().read().await?;
        record_payments(&mut tx, now).await?;
        let (jobs, assistants) = (tx.count_jobs_by_kind(now).await?, tx.count_assistants_by_status().await?);
        (jobs, assistants, tx.count_open_polar_webhooks().await?, tx.count_unanswered_bot_updates().await?)
    };
    // Zeros are set explicitly, because a gauge would otherwise keep its last value.
    for kind in jobs::kinds() {
        let of = jobs.iter().find(|tally| tally.kind == kind);
        gauge!("reef_jobs_waiting", "kind" => kind).set(to_f64(of.map_or(0, |tally| tally.waiting)));
        gauge!("reef_jobs_running", "kind" => kind).set(to_f64(of.map_or(0, |tally| tally.running)));
        gauge!("reef_jobs_dead", "kind" => kind).set(to_f64(of.map_or(0, |tally| tally.dead)));
        let since = of.and_then(|tally| tally.due_since);
        gauge!("reef_jobs_overdue_seconds", "kind" => kind).set(age(since, now));
    }
    gauge!("reef_jobs_open").set(to_f64(jobs.iter().map(|tally| tally.waiting + tally.running).sum()));
    for status in Status::ALL {
        let count =
            assistants.iter().find(|(name, _)| name == status.as_str()).map_or(0, |(_, count)| *count);
        gauge!("reef_assistants", "status" => status.as_str()).set(to_f64(count));
    }
    let values = |Backlog { count, oldest_at: oldest }| (to_f64(count), age(oldest, now));
    let (count, oldest) = values(webhooks);
    gauge!("reef_polar_webhooks_waiting").set(count);
    gauge!("reef_polar_webhooks_oldest_age_seconds").set(oldest);
    let (count, oldest) = values(updates);
    gauge!("reef_bot_updates_waiting").set(count);
    gauge!("reef_bot_updates_oldest_age_seconds").set(oldest);
    Ok(())
}

/// Records open revocations, overdue payment checks, the state of Polar's webhook endpoint and the oldest jobs.
async fn record_payments(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    let (open, oldest) = tx.count_open_revocations().await?;
    gauge!("reef_revocations_open").set(to_f64(open));
    gauge!("reef_revocations_oldest_age_seconds").set(age(oldest, now));
    let (_, since) = tx.count_overdue_payment_checks(now).await?;
    gauge!("reef_payment_checks_overdue_seconds").set(age(since, now));
    let seen = tx.find_endpoint_status().await?;
    for health in EndpointHealth::ALL {
        let is_current = seen.as_deref() == Some(health.as_str());
        gauge!("reef_polar_webhook_endpoint", "state" => health.as_str()).set(if is_current {
            1.0
        } else {
            0.0
        });
    }
    let jobs = tx.list_open_jobs().await?;
    for kind in jobs::kinds() {
        let of = jobs.iter().find(|open| open.kind == kind);
        gauge!("reef_jobs_oldest_age_seconds", "kind" => kind).set(age(of.map(|open| open.oldest), now));
        gauge!("reef_jobs_attempts_max", "kind" => kind).set(to_f64(of.map_or(0, |open| open.attempts)));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
const fn to_f64(count: i64) -> f64 {
    count as f64
}

fn age(since: Option<Timestamp>, now: Timestamp) -> f64 {
    since.map_or(0.0, |since| now.since(since).as_secs_f64())
}

/// Converts a time to Unix seconds, the unit of Prometheus.
pub(super) fn unix_seconds(at: Timestamp) -> f64 {
    to_f64(at.unix_ms()) / 1000.0
}
