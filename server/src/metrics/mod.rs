//! Health checks for load balancers and metrics for Prometheus.

mod database;
mod names;
mod process;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use reef_domain::ErrorChain;
use reef_service::{ClientAddress, Services};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::time::timeout;

use database::DatabaseMetrics;

use crate::http::remote_access::is_remote;

/// How long the database may take to answer a health check; load balancers rarely wait longer.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const NOT_READY: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "the database does not respond\n");

#[derive(Clone)]
struct Metrics {
    services: Services,
    database: Arc<DatabaseMetrics>,
    token: Option<SecretString>,
}

/// Serves `/healthz`, `/readyz` and `/metrics`. If there is a `token`, `/metrics` requires it as a bearer token; otherwise it
/// is available on this machine only.
pub fn router(services: Services, token: Option<SecretString>) -> Router {
    install_recorder();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Metrics { services, database: Arc::default(), token })
}

/// Installs the recorder, once for all servers of this process. Events before that are not counted.
fn install_recorder() -> &'static PrometheusHandle {
    static STARTED: OnceLock<PrometheusHandle> = OnceLock::new();
    STARTED.get_or_init(|| {
        let recorder = names::recorder();
        let handle = recorder.handle();
        // This fails only if a test has installed its own recorder.
        if ::metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics recorder was already installed");
        }
        names::describe();
        handle
    })
}

/// Releases the memory of recorded samples. It has to be called every few seconds, because there may be no scrapes.
pub fn run_upkeep() {
    install_recorder().run_upkeep();
}

/// Returns 200 if the database responds in time and this process is not stopping, else 503.
async fn ready(State(metrics): State<Metrics>) -> impl IntoResponse {
    if metrics.services.event_bus().closing().is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match timeout(PING_TIMEOUT, metrics.services.ping_database()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(error)) => {
            let error = tracing::field::display(ErrorChain(&error));
            tracing::warn!(error, "readiness check failed");
            NOT_READY
        }
        Err(_) => {
            tracing::warn!("readiness check timed out");
            NOT_READY
        }
    }
}

/// Renders the metrics in Prometheus's text format, version 0.0.4.
async fn metrics(
    State(metrics): State<Metrics>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
) -> Response {
    match &metrics.token {
        Some(token) if !has_token(&headers, token) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"metrics\"")];
            return (StatusCode::UNAUTHORIZED, challenge, "send METRICS_TOKEN as a bearer token\n")
                .into_response();
        }
        // A proxy or a browser on this machine may forward requests from elsewhere.
        None if !client.is_some_and(|client| client.is_loopback()) || is_remote(&headers) => {
            return StatusCode::NOT_FOUND.into_response();
        }
        _ => {}
    }
    metrics.database.refresh(&metrics.services).await;
    process::record(&metrics.services);
    let text = install_recorder().render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn has_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(token.expose_secret().as_bytes()).into()
}
