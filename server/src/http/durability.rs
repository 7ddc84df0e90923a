//! Holds responses back until what they say can survive a power cut.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use reef_domain::ErrorChain;
use reef_service::{Error, Services};

use crate::api_error::ApiError;

/// Renders the response to a request whose result may be lost.
type RenderError = fn(Error) -> Response;

/// Adds the wait to `routes`. A use case waits for its own commit, but on SQLite it may also have read what others have committed
/// and not yet synced. Usually everything is synced, which costs two loads from memory.
///
/// The wait comes after the handler, so what a stream sends later waits in `reef_app::event_stream`.
pub fn respond_when_durable(routes: Router, services: &Services, render: RenderError) -> Router {
    routes.layer(middleware::from_fn_with_state((services.clone(), render), wait))
}

async fn wait(
    State((services, render)): State<(Services, RenderError)>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    match services.wait_until_durable().await {
        Ok(()) => response,
        Err(error) => render(error),
    }
}

/// The response of the API.
pub fn api_error(error: Error) -> Response {
    ApiError::from(error).into_response()
}

/// The response to a browser.
#[expect(clippy::needless_pass_by_value, reason = "all of them have one type")]
pub fn error_page(error: Error) -> Response {
    log(&error);
    reef_app::internal_error_page()
}

/// The response to senders of webhooks, who repeat them.
#[expect(clippy::needless_pass_by_value, reason = "all of them have one type")]
pub fn unavailable(error: Error) -> Response {
    log(&error);
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn log(error: &Error) {
    tracing::error!(error = %ErrorChain(error), "request failed");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::response::sse::Event;
    use axum::routing::get;
    use reef_app::event_stream::{self, Batch, EventSource, NextRead};
    use reef_service::Caller;
    use reef_store::testing::TestStore;
    use tokio::task::JoinHandle;
    use tower::ServiceExt as _;

    use super::*;
    use crate::compose::{self, PublicUrls};
    use crate::config::Config;

    /// How long to wait to see that a response does not leave. On a slow machine a fault may be missed, and nothing fails without
    /// one.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Services on a database with a commit that is not synced.
    struct Unsynced {
        services: Services,
        writer: JoinHandle<Result<(), Error>>,
        /// Ends the sync.
        end_sync: mpsc::Sender<io::Result<()>>,
        _store: TestStore,
    }

    impl Unsynced {
        async fn new() -> Self {
            let (end_sync, ends) = mpsc::channel();
            let (ends, is_held) = (Mutex::new(ends), Arc::new(AtomicBool::new(false)));
            let held = Arc::clone(&is_held);
            let store = TestStore::sqlite_with_sync(move || {
                if held.load(Ordering::SeqCst) { ends.lock().unwrap().recv().unwrap() } else { Ok(()) }
            });
            let store = store.await;
            let url = format!("sqlite://{}", store.file().unwrap().display());
            let config = Config::from_vars([("DATABASE_URL".to_owned(), url)]).unwrap();
            let urls = PublicUrls::new(&config, config.bind_addr);
            let services = compose::build_app(&config, store.store.clone(), urls).unwrap().services;
            is_held.store(true, Ordering::SeqCst);
            let writer = tokio::spawn({
                let services = services.clone();
                async move {
                    let password = "correct horse battery".into();
                    services.create_user("ada@example.com", &password).await.map(drop)
                }
            });
            while services
                .store()
                .read()
                .await
                .unwrap()
                .find_user_by_email("ada@example.com")
                .await
                .unwrap()
                .is_none()
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Self { services, writer, end_sync, _store: store }
        }

        /// Requests a response that a handler has at once.
        fn request(&self, render: RenderError) -> JoinHandle<Response> {
            let routes = Router::new().route("/", get(async || "seen"));
            let routes = respond_when_durable(routes, &self.services, render);
            let request = Request::get("/").body(Body::empty()).unwrap();
            tokio::spawn(async move { routes.oneshot(request).await.unwrap() })
        }

        /// Reads the first event that a stream sends after it was opened.
        fn read_stream(&self) -> JoinHandle<String> {
            struct Source;
            impl EventSource for Source {
                async fn read(&mut self) -> Result<Batch, Error> {
                    Ok(Batch { events: vec![Event::default().data("seen")], next_read: NextRead::Never })
                }
            }
            let caller = Caller::operator(reef_domain::ids::UserId::new(self.services.new_uuid()));
            let first = Batch { events: Vec::new(), next_read: NextRead::Now };
            let changes = self.services.event_bus().subscribe(caller.user_id, None);
            let stream = event_stream::respond(&self.services, &caller, changes, first, Source).unwrap();
            tokio::spawn(async move {
                String::from_utf8(to_bytes(stream.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
            })
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn responses_and_events_leave_after_the_sync() {
        let unsynced = Unsynced::new().await;
        let responses = [api_error, error_page, unavailable].map(|render| unsynced.request(render));
        let event = unsynced.read_stream();
        tokio::time::sleep(PAUSE).await;
        assert!(responses.iter().all(|response| !response.is_finished()));
        assert!(!event.is_finished() && !unsynced.writer.is_finished());
        unsynced.end_sync.send(Ok(())).unwrap();
        unsynced.writer.await.unwrap().unwrap();
        for response in responses {
            assert_eq!(response.await.unwrap().status(), 200);
        }
        assert_eq!(event.await.unwrap(), "data: seen\n\n");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn failed_sync_fails_responses_and_ends_streams() {
        let mut unsynced = Unsynced::new().await;
        let waiting = unsynced.request(api_error);
        let event = unsynced.read_stream();
        unsynced.end_sync.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        assert!(matches!((&mut unsynced.writer).await.unwrap(), Err(Error::Internal(_))));
        assert_eq!(event.await.unwrap(), "");
        for (response, status, text) in [
            (waiting, 500, "INTERNAL_ERROR"),
            (unsynced.request(api_error), 500, "INTERNAL_ERROR"),
            (unsynced.request(error_page), 500, "href=\"/\""),
            (unsynced.request(unavailable), 503, ""),
        ] {
            let response = response.await.unwrap();
            assert_eq!(response.status(), status);
            let body = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
                .unwrap();
            assert!(body.contains(text) && !body.contains("seen"), "{body}");
        }
    }
}
