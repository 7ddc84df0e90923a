//! Limits request bodies while they arrive: in number, bytes and time, in total and by client.
//!
//! A request whose body is slow to arrive releases its permit among the requests in flight. If a limit is reached, the oldest
//! incoming body is cut off: bodies of ordinary clients arrive within milliseconds, so those are rarely affected.

mod limit;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, StreamExt as _};
use reef_app::RequestPrincipal;
use reef_service::ClientAddress;
use tokio::time::Instant;

pub use limit::{BodyLimit, Bounds};
use limit::{BodyPermit, Client, Cutoff};

use super::overload::{self, RequestPermit};

/// Returns the body length that `Content-Length` declares.
pub fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why the body of this request was cut off, if it was. It decides the response, whatever the handler answered.
#[derive(Clone, Debug, Default)]
struct CutoffReason(Arc<OnceLock<Cutoff>>);

/// A body that is being read.
struct IncomingBody {
    stream: BodyDataStream,
    bodies: BodyLimit,
    network: IpAddr,
    principal: Option<RequestPrincipal>,
    permit: Option<RequestPermit>,
    ticket: Arc<OnceLock<BodyPermit>>,
    deadline: Instant,
    cutoff: CutoffReason,
}

impl IncomingBody {
    /// The client whose limit applies: the account, if the handler has authenticated the request before it reads the body.
    fn client(&self) -> Client {
        let known = self.principal.as_ref().and_then(RequestPrincipal::user_id);
        known.map_or(Client::Network(self.network), Client::Account)
    }

    /// Returns the next part. If it has to wait, it releases the permit of the request.
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        let ticket = self.ticket.get_or_init(|| self.bodies.register(self.client()));
        let part = match self.stream.next().now_or_never() {
            Some(part) => part,
            None => {
                if let Some(place) = &self.permit {
                    place.release();
                }
                let until = self.deadline.min(Instant::now() + self.bodies.bounds.idle_time);
                tokio::select! {
                    part = self.stream.next() => part,
                    () = ticket.cut.cancelled() => return Some(Err(self.cut_off(Cutoff::OverLimit))),
                    () = tokio::time::sleep_until(until) => return Some(Err(self.cut_off(Cutoff::TimedOut))),
                }
            }
        };
        match part {
            Some(Ok(bytes)) => Some(match ticket.reserve(bytes.len()) {
                Ok(()) => Ok(bytes),
                Err(cut) => Err(self.cut_off(cut)),
            }),
            Some(Err(error)) => Some(Err(error)),
            None => {
                ticket.complete();
                let is_in = match &self.permit {
                    Some(place) => place.reacquire().await,
                    None => true,
                };
                (!is_in).then(|| Err(self.cut_off(Cutoff::OverLimit)))
            }
        }
    }

    fn cut_off(&self, why: Cutoff) -> axum::Error {
        axum::Error::new(*self.cutoff.0.get_or_init(|| why))
    }
}

/// Reads the body of a request within the limits, and answers if it was cut off.
pub async fn limit_bodies(State(bodies): State<BodyLimit>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.uri().path().starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let (cutoff, ticket) = (CutoffReason::default(), Arc::new(OnceLock::new()));
    let incoming = IncomingBody {
        deadline: Instant::now() + bodies.bounds.total_time,
        stream: body.into_data_stream(),
        bodies,
        network: parts.extensions.get().copied().unwrap_or(ClientAddress::UNKNOWN).network(),
        principal: parts.extensions.get().cloned(),
        permit: parts.extensions.get().cloned(),
        // This function also holds the permit, because the bytes stay in memory until the response is ready.
        ticket: Arc::clone(&ticket),
        cutoff: cutoff.clone(),
    };
    let read = futures::stream::unfold(Some(incoming), async |incoming| {
        let mut incoming = incoming?;
        let part = incoming.next().await?;
        let continues = part.is_ok();
        Some((part, continues.then_some(incoming)))
    });
    let response = next.run(Request::from_parts(parts, Body::from_stream(read))).await;
    drop(ticket);
    match cutoff.0.get() {
        Some(cut) => rejection(*cut, &path, response),
        None => response,
    }
}

/// The response to a request whose body was cut off. The API's own error for incomplete bodies also covers late ones.
fn rejection(cut: Cutoff, path: &str, response: Response) -> Response {
    tracing::info!(%cut, "request body cut off");
    let mut response = match cut {
        Cutoff::OverLimit => overload::overloaded(path),
        Cutoff::TimedOut if overload::is_api_path(path) => response,
        Cutoff::TimedOut => {
            (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive. Try again.\n").into_response()
        }
    };
    // The rest of the body is not read, so the connection cannot be reused.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use futures::future::join_all;
    use futures::stream;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use std::time::Duration;

    use super::*;
    use crate::http::overload::{InFlightLimit, shed};

    const BOUNDS: Bounds = Bounds {
        bodies: 6,
        bodies_per_client: 3,
        bytes: 100,
        bytes_per_client: 60,
        total_time: Duration::from_millis(1000),
        idle_time: Duration::from_millis(600),
    };

    /// Routes that answer with the length of the body, behind a limit of `places` requests in flight.
    fn routes(requests_max: usize) -> (Router, BodyLimit) {
        let bodies = BodyLimit::new(BOUNDS);
        let echo = async |body: Bytes| body.len().to_string();
        let routes = Router::new()
            .route("/webhooks/x", post(echo))
            .route("/api/x", post(echo))
            .route("/no-body", post(async || "done"))
            .layer(from_fn_with_state(bodies.clone(), limit_bodies))
            .layer(from_fn_with_state(InFlightLimit::new(requests_max), shed));
        (routes, bodies)
    }

    fn post_from(client: u8, path: &str, body: Body) -> Request {
        let mut request = Request::post(path).body(body).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::from([203, 0, 113, client])));
        request
    }

    /// A body that sends one byte and then nothing.
    fn slow_body() -> Body {
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"x")) });
        Body::from_stream(first.chain(stream::pending()))
    }

    async fn send(routes: &Router, request: Request) -> (u16, String) {
        let answer = routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn slow_body_holds_no_permit_and_times_out() {
        let (routes, bodies) = routes(1);
        let dripping: Vec<_> = (0..3)
            .map(|_| {
                let routes = routes.clone();
                tokio::spawn(async move { send(&routes, post_from(1, "/webhooks/x", slow_body())).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(bodies.counts().1, 3);
        // The slow bodies hold no permit, so other requests of any client are served.
        for client in [1, 2] {
            assert_eq!(
                send(&routes, post_from(client, "/webhooks/x", Body::from("abc"))).await,
                (200, "3".to_owned())
            );
        }
        let answers =
            join_all(dripping).await.into_iter().map(|answer| answer.unwrap().0).collect::<Vec<_>>();
        // The oldest was cut off for the client's own next request; the others timed out.
        assert_eq!(answers, [503, 408, 408]);
        assert_eq!(bodies.counts(), (0, 0, 0, 0));
    }

    #[tokio::test]
    async fn body_times_out_after_pause_and_in_total() {
        let (routes, _) = routes(8);
        let every = |ms: u64, parts: usize| {
            Body::from_stream(stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                (sent < parts).then_some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), sent + 1))
            }))
        };
        for (body, expected) in [(every(20, 5), 200), (every(900, 1), 408), (every(350, 5), 408)] {
            assert_eq!(send(&routes, post_from(1, "/webhooks/x", body)).await.0, expected);
        }
        // The API has no 408 in its list of codes.
        assert_eq!(send(&routes, post_from(1, "/api/x", every(900, 1))).await.0, 400);
    }

    #[tokio::test]
    async fn body_bytes_are_limited_by_client_and_in_total() {
        let (routes, bodies) = routes(8);
        let endless = |bytes: usize| {
            let first = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])) });
            Body::from_stream(first.chain(stream::pending()))
        };
        let mut running = Vec::new();
        for (client, bytes) in [(1, 40), (2, 40), (1, 30), (3, 40)] {
            let routes = routes.clone();
            running.push(tokio::spawn(async move {
                send(&routes, post_from(client, "/webhooks/x", endless(bytes))).await.0
            }));
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(bodies.counts().2 <= BOUNDS.bytes);
        }
        // A body that exceeds the limit of a client is cut off although there is room in total.
        assert_eq!(send(&routes, post_from(4, "/webhooks/x", endless(61))).await.0, 503);
        assert_eq!(send(&routes, post_from(4, "/api/x", endless(61))).await.0, 429);
        let answers = join_all(running).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(answers, [503, 503, 408, 408]);
    }
}
