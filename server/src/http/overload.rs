//! More than can be done in time is refused at once: a queue would make everybody wait, and grow.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use reef_service::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::api::ApiError;

/// Requests worked on at once; the last of them waits well under a second.
const IN_FLIGHT_MAX: usize = 2048;
/// Seconds after which to come back.
const RETRY_AFTER_SECONDS: u64 = 1;
/// How long a body may take to arrive, from its first byte to its last.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets so many requests in.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self::new(IN_FLIGHT_MAX)
    }
}

impl Gate {
    /// At most `most` at once.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Semaphore::new(most)))
    }
}

/// A request's place among those that are worked on.
#[derive(Clone, Debug)]
pub struct InFlight(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl InFlight {
    /// Gives the place to another: this request only waits from now on, where a bound of its own holds.
    pub fn leave(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Refuses what is too much. Health is told however much there is to do, and the sandbox, whom requests that are
/// worked on ask, is not kept waiting by them.
pub async fn shed(State(Gate(places)): State<Gate>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/readyz" | "/metrics") || path.starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let Ok(place) = places.try_acquire_owned() else { return too_much(path) };
    let place = InFlight(Arc::new(Mutex::new(Some(place))));
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    place.leave();
    response
}

fn too_much(path: &str) -> Response {
    tracing::debug!("a request too many was refused");
    if path == "/api" || path.starts_with("/api/") {
        let message = "Reef is busy; wait and try again";
        let error = Error::RateLimited { message, retry_after_seconds: RETRY_AFTER_SECONDS };
        return ([(header::CACHE_CONTROL, "no-store")], ApiError::from(error)).into_response();
    }
    let headers = [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "Reef is busy. Try again in a moment.\n").into_response()
}

/// Cuts a body off that takes too long to arrive.
pub async fn hurry(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    next.run(request.map(|body| within(body, BODY_TIMEOUT))).await
}

/// The body, which fails when it has not arrived in time.
fn within(body: Body, timeout: Duration) -> Body {
    let until = Instant::now() + timeout;
    let parts = futures::stream::unfold(Some(body.into_data_stream()), move |stream| async move {
        let mut stream = stream?;
        match tokio::time::timeout_at(until, stream.next()).await {
            Ok(None) => None,
            Ok(Some(part)) => Some((part, Some(stream))),
            Err(late) => Some((Err(axum::Error::new(late)), None)),
        }
    });
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::Extension;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(routes: &Router, path: &str) -> Response {
        routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_too_much_is_refused_at_once_and_health_is_told() {
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
            async move |Extension(place): Extension<InFlight>| {
                place.leave();
                began.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let routes = Router::new()
            .route("/api/slow", get(slow.clone()))
            .route("/slow", get(slow))
            .route("/waits", get(waits))
            .route("/healthz", get(async || "ok"))
            .layer(from_fn_with_state(Gate::new(2), shed));
        let spawn = |path: &'static str| {
            let routes = routes.clone();
            tokio::spawn(async move { ask(&routes, path).await })
        };
        // Who only waits takes no place.
        for _ in 0..5 {
            spawn("/waits");
            began.notified().await;
        }
        let running = [spawn("/slow"), spawn("/slow")];
        for _ in &running {
            began.notified().await;
        }
        let refused = ask(&routes, "/api/slow").await;
        assert_eq!(
            (refused.status(), &refused.headers()[header::RETRY_AFTER]),
            (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
        );
        let text = refused.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            &text[..],
            br#"{"error":{"code":"RATE_LIMITED","message":"Reef is busy; wait and try again"}}"#
        );
        assert_eq!(ask(&routes, "/slow").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask(&routes, "/healthz").await.status(), StatusCode::OK);
        // It recovers with the first that ends.
        go.notify_waiters();
        for run in running {
            assert_eq!(run.await.unwrap().status(), StatusCode::OK);
        }
        go.notify_one();
        assert_eq!(ask(&routes, "/slow").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_body_that_drips_is_cut_off() {
        let parts = || futures::stream::iter(["a", "b"]).map(Ok::<_, std::io::Error>);
        let timeout = Duration::from_millis(50);
        let whole = within(Body::from_stream(parts()), timeout).collect().await.unwrap().to_bytes();
        assert_eq!(&whole[..], b"ab");
        let endless = Body::from_stream(parts().chain(futures::stream::pending()));
        let error = within(endless, timeout).collect().await.unwrap_err();
        assert!(error.to_string().contains("elapsed"), "{error}");
    }
}
