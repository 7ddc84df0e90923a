//! Every metric: its name, what it means, and how times are sorted into buckets. Every label has few values: routes,
//! kinds, statuses, vendors; never an id.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use reef_domain::FailureCode;

/// A kind of metric.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}
use Kind::{Counter, Gauge, Histogram};

/// Requests: from the status that is polled to the stop that asks three vendors.
const REQUESTS: &[f64] = &[0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Calls to vendors: a model may think for two minutes.
const CALLS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Deployments: their deadline is five minutes unless the operator says otherwise.
const DEPLOYMENTS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// All of them. Those of "this process" have to be added up over replicas; those of "the database" are the same in each.
const ALL: [(&str, Kind, &str); 35] = [
    (
        "reef_http_request_duration_seconds",
        Histogram(REQUESTS),
        "This process: time to the head of the answer, by method, route and class of status.",
    ),
    (
        "reef_api_errors_total",
        Counter,
        "This process: errors answered by the API, by code; RATE_LIMITED and UNAUTHORIZED among them.",
    ),
    ("reef_sign_ins_total", Counter, "This process: tries to sign in to the dashboard, by outcome."),
    ("reef_event_streams_open", Gauge, "This process: open event streams of the API and the dashboard."),
    (
        "reef_vendor_call_duration_seconds",
        Histogram(CALLS),
        "This process: calls to vendors and customers' receivers, by vendor and class of status or reason for no answer.",
    ),
    (
        "reef_deployment_duration_seconds",
        Histogram(DEPLOYMENTS),
        "This process: ended deployments from the request to the end, by outcome: active, or the failure's code.",
    ),
    ("reef_workers_vanished_total", Counter, "This process: active assistants found without their worker."),
    ("reef_callback_tries_total", Counter, "This process: tries to deliver a callback, by outcome."),
    ("reef_job_runs_total", Counter, "This process: runs of jobs, by kind and outcome."),
    ("reef_turns_total", Counter, "This process: what assistants were asked, by outcome."),
    ("reef_jobs_waiting", Gauge, "The database: jobs that nobody runs now, due or not, by kind."),
    ("reef_jobs_running", Gauge, "The database: jobs that somebody runs, by kind."),
    ("reef_jobs_dead", Gauge, "The database: jobs that were given up and need a look, by kind."),
    (
        "reef_jobs_overdue_seconds",
        Gauge,
        "The database: for how long the job that waits the longest has been due, by kind.",
    ),
    ("reef_jobs_oldest_seconds", Gauge, "The database: age of the oldest job that is not done, by kind."),
    (
        "reef_jobs_tries_max",
        Gauge,
        "The database: the most tries that a job which is not done has had, by kind.",
    ),
    (
        "reef_revocations_open",
        Gauge,
        "The database: subscriptions that Reef ends and Polar has not confirmed.",
    ),
    (
        "reef_revocations_oldest_seconds",
        Gauge,
        "The database: for how long the oldest of them has been asked for.",
    ),
    (
        "reef_polar_asks_overdue_seconds",
        Gauge,
        "The database: for how long Polar should have been asked about a payment.",
    ),
    (
        "reef_polar_endpoint",
        Gauge,
        "The database: 1 for how Polar's webhook endpoint was last seen, by state.",
    ),
    ("reef_jobs_open", Gauge, "The database: jobs that wait or run, of all kinds."),
    ("reef_assistants", Gauge, "The database: assistants by status."),
    (
        "reef_polar_webhooks_waiting",
        Gauge,
        "The database: Polar's webhooks that were taken in and not worked off.",
    ),
    ("reef_polar_webhooks_oldest_seconds", Gauge, "The database: age of the oldest of them."),
    (
        "reef_bot_updates_waiting",
        Gauge,
        "The database: messages to bots that were taken in and not answered.",
    ),
    ("reef_bot_updates_oldest_seconds", Gauge, "The database: age of the oldest of them."),
    ("reef_database_up", Gauge, "This process: whether the database answered when it was last asked."),
    ("reef_database_connections_open", Gauge, "This process: open connections to the database, by pool."),
    ("reef_database_connections_idle", Gauge, "This process: those of them that nobody uses."),
    ("reef_database_connections_max", Gauge, "This process: how many there may be."),
    (
        "reef_database_asked_timestamp_seconds",
        Gauge,
        "This process: when the database's numbers were last read.",
    ),
    ("reef_build_info", Gauge, "The running version."),
    ("process_resident_memory_bytes", Gauge, "Memory of this process."),
    ("process_open_fds", Gauge, "Open files and sockets of this process."),
    ("process_max_fds", Gauge, "How many there may be."),
];

/// The series that alerts look at, with their labels: they begin at 0 with the process. One that began with its first
/// event would begin at 1, and neither `rate` nor `increase` would see that event.
const COUNTED_FROM_THE_START: [(&str, &[(&str, &str)]); 7] = [
    ("reef_workers_vanished_total", &[]),
    ("reef_sign_ins_total", &[("outcome", "right")]),
    ("reef_sign_ins_total", &[("outcome", "wrong")]),
    ("reef_callback_tries_total", &[("outcome", "delivered")]),
    ("reef_callback_tries_total", &[("outcome", "given_up")]),
    ("reef_api_errors_total", &[("code", "UNAUTHORIZED")]),
    ("reef_api_errors_total", &[("code", "RATE_LIMITED")]),
];
/// The same for times. A route's first 5xx can't be among them: routes are many, and that alert is of a lasting share.
const TIMED_FROM_THE_START: [(&str, &[(&str, &str)]); 3] = [
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

/// A recorder with the buckets of each histogram.
pub(super) fn recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new();
    for (name, kind, _) in ALL {
        if let Histogram(buckets) = kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), buckets)
                .expect("every histogram has buckets");
        }
    }
    builder.build_recorder()
}

/// Says what each means, and begins those that alerts look at.
pub(super) fn describe() {
    for (name, kind, help) in ALL {
        match kind {
            Counter => ::metrics::describe_counter!(name, help),
            Gauge => ::metrics::describe_gauge!(name, help),
            Histogram(_) => ::metrics::describe_histogram!(name, help),
        }
    }
    for (name, labels) in COUNTED_FROM_THE_START {
        ::metrics::counter!(name, labels).increment(0);
    }
    for (name, labels) in TIMED_FROM_THE_START {
        drop(::metrics::histogram!(name, labels));
    }
    for failure in FailureCode::ALL {
        drop(::metrics::histogram!("reef_deployment_duration_seconds", "outcome" => failure.as_str()));
    }
}
