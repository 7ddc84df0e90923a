//! Metrics that are read from the database, at most once every few seconds, however many scrapes there are.

use std::time::{Duration, Instant};

use metrics::gauge;
use reef_domain::{ErrorChain, Timestamp};
use reef_service::Services;
use reef_service::billing::EndpointHealth;
use reef_service::maintenance::{Figures, JobFigures, Waiting};
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
        let read = services.get_figures().await;
        gauge!("reef_database_up").set(f64::from(read.is_ok()));
        match read {
            Ok(figures) => {
                let now = services.now();
                record(&figures, now);
                gauge!("reef_database_last_read_timestamp_seconds").set(unix_seconds(now));
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "database metrics could not be read");
            }
        }
        *last_read = Some(Instant::now());
    }
}

/// Zeros are set explicitly, because a gauge would otherwise keep its last value.
fn record(figures: &Figures, now: Timestamp) {
    record_jobs(&figures.jobs, now);
    gauge!("reef_jobs_open").set(to_f64(figures.jobs_open));
    for (status, count) in &figures.assistants {
        gauge!("reef_assistants", "status" => status.as_str()).set(to_f64(*count));
    }
    let values = |waiting: &Waiting| (to_f64(waiting.count), age(waiting.oldest_at, now));
    let (count, oldest) = values(&figures.polar_webhooks);
    gauge!("reef_polar_webhooks_waiting").set(count);
    gauge!("reef_polar_webhooks_oldest_age_seconds").set(oldest);
    let (count, oldest) = values(&figures.bot_updates);
    gauge!("reef_bot_updates_waiting").set(count);
    gauge!("reef_bot_updates_oldest_age_seconds").set(oldest);
    let (count, oldest) = values(&figures.revocations);
    gauge!("reef_revocations_open").set(count);
    gauge!("reef_revocations_oldest_age_seconds").set(oldest);
    gauge!("reef_payment_checks_overdue_seconds").set(age(figures.payment_checks_overdue_since, now));
    gauge!("reef_health_checks_overdue_seconds").set(age(figures.health_checks_overdue_since, now));
    for health in EndpointHealth::ALL {
        let is_current = figures.polar_endpoint == Some(health);
        gauge!("reef_polar_webhook_endpoint", "state" => health.as_str()).set(f64::from(is_current));
    }
}

fn record_jobs(jobs: &[JobFigures], now: Timestamp) {
    for of in jobs {
        gauge!("reef_jobs_waiting", "kind" => of.kind).set(to_f64(of.waiting));
        gauge!("reef_jobs_running", "kind" => of.kind).set(to_f64(of.running));
        gauge!("reef_jobs_dead", "kind" => of.kind).set(to_f64(of.dead));
        gauge!("reef_jobs_overdue_seconds", "kind" => of.kind).set(age(of.overdue_since, now));
        gauge!("reef_jobs_oldest_age_seconds", "kind" => of.kind).set(age(of.oldest_at, now));
        gauge!("reef_jobs_attempts_max", "kind" => of.kind).set(to_f64(of.attempts_max));
    }
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
