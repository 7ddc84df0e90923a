//! All metrics with their names, help texts and histogram buckets. Labels have few values, such as routes, kinds, statuses
//! and vendors; an id is never a label.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use reef_domain::FailureCode;

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}
use Kind::{Counter, Gauge, Histogram};

/// Requests range from polling a status to stopping an assistant, which calls three vendors.
const REQUEST_BUCKETS: &[f64] = &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// A model may take two minutes to answer.
const CALL_BUCKETS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Deployments end within five minutes, unless the operator configures another deadline.
const DEPLOYMENT_BUCKETS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// Values of "this process" have to be summed over all replicas; values of "the database" are the same in each replica.
const METRICS: [(&str, Kind, &str); 39] = [
    (
        "reef_http_request_duration_seconds",
        Histogram(REQUEST_BUCKETS),
        "This process: time until the head of the response, by method, route and status class.",
    ),
    ("reef_api_errors_total", Counter, "This process: error responses of the API, by code."),
    (
        "reef_sign_in_attempts_total",
        Counter,
        "This process: attempts to sign in to the dashboard, by outcome.",
    ),
    ("reef_event_streams_open", Gauge, "This process: open event streams of the API and the dashboard."),
    (
        "reef_vendor_call_duration_seconds",
        Histogram(CALL_BUCKETS),
        "This process: requests to vendors and webhook endpoints, by vendor and status class or reason for no response.",
    ),
    (
        "reef_deployment_duration_seconds",
        Histogram(DEPLOYMENT_BUCKETS),
        "This process: duration of completed deployments, by outcome: active or the failure code.",
    ),
    ("reef_workers_missing_total", Counter, "This process: active assistants whose worker was missing."),
    (
        "reef_health_changes_total",
        Counter,
        "This process: changes of the health of assistants, by leg and code.",
    ),
    ("reef_webhook_attempts_total", Counter, "This process: attempts to send a webhook, by outcome."),
    ("reef_job_runs_total", Counter, "This process: runs of jobs, by kind and outcome."),
    (
        "reef_loop_restarts_total",
        Counter,
        "This process: restarts of background loops that panicked, by loop.",
    ),
    (
        "reef_log_lines_lost_total",
        Counter,
        "This process: log lines that were lost because standard error was not read fast enough.",
    ),
    ("reef_turns_total", Counter, "This process: turns of assistants, by outcome."),
    ("reef_jobs_waiting", Gauge, "The database: jobs that are waiting to run, by kind."),
    ("reef_jobs_running", Gauge, "The database: jobs that are running, by kind."),
    ("reef_jobs_dead", Gauge, "The database: dead jobs, which an operator has to check, by kind."),
    (
        "reef_jobs_overdue_seconds",
        Gauge,
        "The database: for how long the most overdue job has been due, by kind.",
    ),
    ("reef_jobs_oldest_age_seconds", Gauge, "The database: age of the oldest unfinished job, by kind."),
    (
        "reef_jobs_attempts_max",
        Gauge,
        "The database: highest number of attempts of an unfinished job, by kind.",
    ),
    (
        "reef_revocations_open",
        Gauge,
        "The database: revocations of subscriptions that Polar has not confirmed.",
    ),
    ("reef_revocations_oldest_age_seconds", Gauge, "The database: age of the oldest unconfirmed revocation."),
    (
        "reef_payment_checks_overdue_seconds",
        Gauge,
        "The database: for how long the most overdue payment check has been due.",
    ),
    (
        "reef_health_checks_overdue_seconds",
        Gauge,
        "The database: for how long the most overdue health check has been due.",
    ),
    (
        "reef_polar_webhook_endpoint",
        Gauge,
        "The database: 1 for the last known state of Polar's webhook endpoint, by state.",
    ),
    ("reef_jobs_open", Gauge, "The database: jobs of all kinds that are waiting or running."),
    ("reef_assistants", Gauge, "The database: assistants by status."),
    (
        "reef_polar_webhooks_waiting",
        Gauge,
        "The database: Polar's webhooks that are received and not processed.",
    ),
    ("reef_polar_webhooks_oldest_age_seconds", Gauge, "The database: age of the oldest unprocessed webhook."),
    ("reef_bot_updates_waiting", Gauge, "The database: Telegram updates that are received and not answered."),
    ("reef_bot_updates_oldest_age_seconds", Gauge, "The database: age of the oldest unanswered update."),
    ("reef_database_up", Gauge, "This process: 1 if the database responded to the last read, else 0."),
    ("reef_database_connections_open", Gauge, "This process: open connections to the database, by pool."),
    ("reef_database_connections_idle", Gauge, "This process: idle connections to the database, by pool."),
    (
        "reef_database_connections_max",
        Gauge,
        "This process: maximum number of connections to the database, by pool.",
    ),
    (
        "reef_database_last_read_timestamp_seconds",
        Gauge,
        "This process: when the database's values were last read.",
    ),
    ("reef_build_info", Gauge, "The version of this process."),
    ("process_resident_memory_bytes", Gauge, "Resident memory of this process."),
    ("process_open_fds", Gauge, "Open file descriptors of this process."),
    ("process_max_fds", Gauge, "Maximum number of open file descriptors of this process."),
];

/// The series that alerts use, with their labels, start at 0 with the process. A series that started with its first event
/// would start at 1, so neither `rate` nor `increase` would see that event.
const INITIAL_COUNTERS: [(&str, &[(&str, &str)]); 7] = [
    ("reef_workers_missing_total", &[]),
    ("reef_sign_in_attempts_total", &[("outcome", "password_accepted")]),
    ("reef_sign_in_attempts_total", &[("outcome", "password_rejected")]),
    ("reef_webhook_attempts_total", &[("outcome", "delivered")]),
    ("reef_webhook_attempts_total", &[("outcome", "given_up")]),
    ("reef_api_errors_total", &[("code", "UNAUTHORIZED")]),
    ("reef_api_errors_total", &[("code", "RATE_LIMITED")]),
];
/// The same for histograms. The 5xx series of each route is not here: there are many routes, and that alert is about a share
/// of requests over time, so the first event does not matter.
const INITIAL_HISTOGRAMS: [(&str, &[(&str, &str)]); 3] = [
    ("reef_vendor_call_duration_seconds", &[("vendor", "polar"), ("status", "4xx")]),
    (
        "reef_http_request_duration_seconds",
        &[("method", "POST"), ("route", "/webhooks/polar"), ("status", "4xx")],
    ),
    (
        "reef_http_request_duration_seconds",
        &[("method", "POST"), ("route", "/webhooks/polar"), ("status", "5xx")],
    ),
];

/// Builds a recorder with the buckets of each histogram.
pub(super) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for (name, kind, _) in METRICS {
        if let Histogram(buckets) = kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
                .expect("a histogram has no buckets");
        }
    }
    builder.build_recorder()
}

/// Registers the help texts, and starts the series that alerts use.
pub(super) fn describe() {
    for (name, kind, help) in METRICS {
        match kind {
            Counter => ::metrics::describe_counter!(name, help),
            Gauge => ::metrics::describe_gauge!(name, help),
            Histogram(_) => ::metrics::describe_histogram!(name, help),
        }
    }
    for (name, labels) in INITIAL_COUNTERS {
        ::metrics::counter!(name, labels).increment(0);
    }
    for (name, labels) in INITIAL_HISTOGRAMS {
        drop(::metrics::histogram!(name, labels));
    }
    for failure in FailureCode::ALL {
        drop(::metrics::histogram!("reef_deployment_duration_seconds", "outcome" => failure.as_str()));
    }
}
