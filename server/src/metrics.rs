//! Health for load balancers and numbers for Prometheus.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use reef_service::Services;
use reef_store::StoreError;

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(services: Services) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(services)
}

/// 200 when the database answers, else 503.
async fn ready(State(services): State<Services>) -> impl IntoResponse {
    match ping(&services).await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "not ready: the database does not answer"
            );
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }
}

async fn ping(services: &Services) -> Result<(), StoreError> {
    services.store().read().await?.ping().await
}

/// Prometheus' text format, version 0.0.4.
async fn metrics(State(services): State<Services>) -> impl IntoResponse {
    let counted = async { services.store().read().await?.count_jobs().await };
    let counted: Result<(i64, i64), StoreError> = counted.await;
    let (up, jobs) = match counted {
        Ok((open, dead)) => (
            1,
            format!(
                "# HELP reef_jobs_open Jobs that wait or run.\n# TYPE reef_jobs_open gauge\nreef_jobs_open {open}\n\
                 # HELP reef_jobs_dead Jobs that were given up.\n# TYPE reef_jobs_dead gauge\nreef_jobs_dead {dead}\n"
            ),
        ),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "metrics without the database");
            (0, String::new())
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "# HELP reef_build_info The running version.\n# TYPE reef_build_info gauge\n\
         reef_build_info{{version=\"{version}\"}} 1\n\
         # HELP reef_database_up Whether the database answers.\n# TYPE reef_database_up gauge\nreef_database_up {up}\n{jobs}"
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
