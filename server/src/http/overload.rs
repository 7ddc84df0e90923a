//! Load shedding: requests over the limit are rejected at once, because a queue would grow and delay every request in it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use reef_service::throttling::{ConcurrencyLimit, Permit};
use reef_service::{ClientAddress, Error};

use crate::api_error::ApiError;

/// How many requests may be in flight. At this number, the last one still waits well under a second.
const IN_FLIGHT_MAX: usize = 2048;
/// How many requests one network may have in flight, unless it is this machine.
const PER_CLIENT_MAX: usize = 512;
/// The value of `Retry-After`, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;
/// How long a request that has released its permit while its body arrived waits for another one.
const REACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// The limit of requests in flight, in total and by client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InFlightLimit(ConcurrencyLimit<IpAddr>);

impl Default for InFlightLimit {
    fn default() -> Self {
        Self::new(IN_FLIGHT_MAX)
    }
}

impl InFlightLimit {
    /// Creates a limit of `max` requests.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(ConcurrencyLimit::new(max, PER_CLIENT_MAX))
    }
}

/// What a client's share is counted under. This machine has no share, because a proxy on it may forward the requests of many
/// clients.
fn share_of(client: ClientAddress) -> Option<IpAddr> {
    (!client.is_loopback()).then(|| client.network())
}

/// The permit of a request in flight. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RequestPermit {
    limit: InFlightLimit,
    client: ClientAddress,
    permit: Arc<Mutex<Option<Permit<IpAddr>>>>,
}

impl RequestPermit {
    /// Releases the permit early, for a request that only waits and is subject to another limit while it does.
    pub fn release(&self) {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Reserves a permit after [`Self::release`], and returns `false` if there is none in time. Does nothing if the permit was
    /// not released.
    pub async fn reacquire(&self) -> bool {
        if self.permit.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return true;
        }
        let permit = self.limit.0.reserve_within(share_of(self.client), REACQUIRE_TIMEOUT).await;
        let is_reserved = permit.is_some();
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = permit;
        is_reserved
    }
}

/// Rejects requests over the limit. Health checks and metrics have no limit. Neither has the sandbox, because requests in
/// flight call it and would wait for a permit that they hold themselves.
pub async fn shed(State(gate): State<InFlightLimit>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let client = request.extensions().get().copied().unwrap_or(ClientAddress::UNKNOWN);
    let Some(permit) = gate.0.try_reserve(share_of(client)) else { return overloaded(path) };
    let permit = RequestPermit { limit: gate, client, permit: Arc::new(Mutex::new(Some(permit))) };
    request.extensions_mut().insert(permit.clone());
    let response = next.run(request).await;
    permit.release();
    response
}

/// An extension of responses to requests over the limit, so that they are not counted as failures.
#[derive(Clone, Copy, Debug)]
pub struct ShedMarker;

/// Whether a path belongs to the API.
pub fn is_api_path(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// The response to a request over the limit.
pub fn overloaded(path: &str) -> Response {
    tracing::debug!("request shed");
    let mut response = if is_api_path(path) {
        let message = "Reef is busy. Wait and try again.";
        let error = Error::RateLimited { message, retry_after_seconds: RETRY_AFTER_SECONDS };
        ([(header::CACHE_CONTROL, "no-store")], ApiError::from(error)).into_response()
    } else {
        let headers = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
        (StatusCode::SERVICE_UNAVAILABLE, headers, "Reef is busy. Try again in a moment.\n").into_response()
    };
    response.extensions_mut().insert(ShedMarker);
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Extension;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    async fn get_from(routes: &Router, path: &str) -> Response {
        routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn request_over_limit_is_shed_and_health_is_not() {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (began, go) = (began.clone(), go.clone());
            async move || {
                began.notify_one();
                go.notified().await;
                "done"
            }
        };
        let waits = {
            let began = began.clone();
            async move |Extension(place): Extension<RequestPermit>| {
                place.release();
                began.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let routes = Router::new()
            .route("/api/slow", get(slow.clone()))
            .route("/slow", get(slow))
            .route("/waits", get(waits))
            .route("/healthz", get(async || "ok"))
            .layer(from_fn_with_state(InFlightLimit::new(2), shed));
        let spawn = |path: &'static str| {
            let routes = routes.clone();
            tokio::spawn(async move { get_from(&routes, path).await })
        };
        // A request that only waits holds no permit.
        for _ in 0..5 {
            spawn("/waits");
            began.notified().await;
        }
        let running = [spawn("/slow"), spawn("/slow")];
        for _ in &running {
            began.notified().await;
        }
        let refused = get_from(&routes, "/api/slow").await;
        assert_eq!(
            (refused.status(), &refused.headers()[header::RETRY_AFTER]),
            (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
        );
        let text = refused.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            &text[..],
            br#"{"error":{"code":"RATE_LIMITED","message":"Reef is busy. Wait and try again."}}"#
        );
        assert_eq!(get_from(&routes, "/slow").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(get_from(&routes, "/healthz").await.status(), StatusCode::OK);
        // Permits are available again as soon as requests end.
        go.notify_waiters();
        for run in running {
            assert_eq!(run.await.unwrap().status(), StatusCode::OK);
        }
        go.notify_one();
        assert_eq!(get_from(&routes, "/slow").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn in_flight_limit_per_client_is_enforced() {
        let gate = InFlightLimit::new(PER_CLIENT_MAX + 10);
        let from = |text: &str| ClientAddress(text.parse().unwrap());
        let reserve = |client| gate.0.try_reserve(share_of(client));
        // All addresses of an IPv6 /64 count as one client.
        let mut greedy: Vec<_> =
            (0..PER_CLIENT_MAX).map(|last| reserve(from(&format!("2001:db8::{last:x}"))).unwrap()).collect();
        assert!(reserve(from("2001:db8::ffff:1")).is_none());
        let others = [from("203.0.113.7"), from("127.0.0.1")].map(|other| reserve(other).unwrap());
        greedy.pop();
        assert!(reserve(from("2001:db8::1")).is_some());
        drop((greedy, others));
        let all = (0..PER_CLIENT_MAX).map(|_| reserve(from("2001:db8::2")).unwrap());
        assert_eq!(all.collect::<Vec<_>>().len(), PER_CLIENT_MAX);
    }
}
