//! Limits request bodies while they arrive: in number, bytes and time, in total and by client.
//!
//! A request whose body is slow to arrive releases its permit among the requests in flight. If a limit is reached, the oldest
//! incoming body is cut off: bodies of ordinary clients arrive within milliseconds, so those are rarely affected.

mod shares;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, StreamExt as _};
use reef_service::ClientAddress;
use tokio::time::Instant;

pub use shares::{Bodies, Bounds};
use shares::{Client, Cut, Ticket};

use super::overload::{self, InFlight};
use super::request::Asker;

/// Why the body of this request was cut off, if it was. It decides the response, whatever the handler answered.
#[derive(Clone, Debug, Default)]
struct Verdict(Arc<OnceLock<Cut>>);

/// A body that is being read.
struct Incoming {
    stream: BodyDataStream,
    bodies: Bodies,
    network: IpAddr,
    asker: Option<Asker>,
    place: Option<InFlight>,
    ticket: Arc<OnceLock<Ticket>>,
    until: Instant,
    verdict: Verdict,
}

impl Incoming {
    /// The client whose limit applies: the account, if the handler has authenticated the request before it reads the body.
    fn client(&self) -> Client {
        let known = self.asker.as_ref().and_then(Asker::user);
        known.map_or(Client::Network(self.network), Client::Account)
    }

    /// Returns the next part. If it has to wait, it releases the permit of the request.
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        let ticket = self.ticket.get_or_init(|| self.bodies.begin(self.client()));
        let part = match self.stream.next().now_or_never() {
            Some(part) => part,
            None => {
                if let Some(place) = &self.place {
                    place.leave();
                }
                let until = self.until.min(Instant::now() + self.bodies.bounds.pause);
                tokio::select! {
                    part = self.stream.next() => part,
                    () = ticket.cut.cancelled() => return Some(Err(self.cut(Cut::Crowded))),
                    () = tokio::time::sleep_until(until) => return Some(Err(self.cut(Cut::Late))),
                }
            }
        };
        match part {
            Some(Ok(bytes)) => Some(match ticket.take(bytes.len()) {
                Ok(()) => Ok(bytes),
                Err(cut) => Err(self.cut(cut)),
            }),
            Some(Err(error)) => Some(Err(error)),
            None => {
                ticket.has_arrived();
                let is_in = match &self.place {
                    Some(place) => place.enter_again().await,
                    None => true,
                };
                (!is_in).then(|| Err(self.cut(Cut::Crowded)))
            }
        }
    }

    fn cut(&self, why: Cut) -> axum::Error {
        axum::Error::new(*self.verdict.0.get_or_init(|| why))
    }
}

/// Reads the body of a request within the limits, and answers if it was cut off.
pub async fn meter(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.uri().path().starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let (verdict, ticket) = (Verdict::default(), Arc::new(OnceLock::new()));
    let incoming = Incoming {
        until: Instant::now() + bodies.bounds.whole,
        stream: body.into_data_stream(),
        bodies,
        network: parts.extensions.get().copied().unwrap_or(ClientAddress::UNKNOWN).network(),
        asker: parts.extensions.get().cloned(),
        place: parts.extensions.get().cloned(),
        // This function also holds the permit, because the bytes stay in memory until the response is ready.
        ticket: Arc::clone(&ticket),
        verdict: verdict.clone(),
    };
    let read = futures::stream::unfold(Some(incoming), async |incoming| {
        let mut incoming = incoming?;
        let part = incoming.next().await?;
        let goes_on = part.is_ok();
        Some((part, goes_on.then_some(incoming)))
    });
    let response = next.run(Request::from_parts(parts, Body::from_stream(read))).await;
    drop(ticket);
    match verdict.0.get() {
        Some(cut) => refusal(*cut, &path, response),
        None => response,
    }
}

/// The response to a request whose body was cut off. The API's own error for incomplete bodies also covers late ones.
fn refusal(cut: Cut, path: &str, response: Response) -> Response {
    tracing::info!(%cut, "request body cut off");
    let mut response = match cut {
        Cut::Crowded => overload::too_much(path),
        Cut::Late if overload::is_api(path) => response,
        Cut::Late => {
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
    use crate::http::overload::{Gate, shed};

    const BOUNDS: Bounds = Bounds {
        bodies: 6,
        bodies_per_client: 3,
        bytes: 100,
        bytes_per_client: 60,
        whole: Duration::from_millis(1000),
        pause: Duration::from_millis(600),
    };

    /// Routes that answer with the length of the body, behind a limit of `places` requests in flight.
    fn routes(places: usize) -> (Router, Bodies) {
        let bodies = Bodies::new(BOUNDS);
        let echo = async |body: Bytes| body.len().to_string();
        let routes = Router::new()
            .route("/webhooks/x", post(echo))
            .route("/api/x", post(echo))
            .route("/no-body", post(async || "done"))
            .layer(from_fn_with_state(bodies.clone(), meter))
            .layer(from_fn_with_state(Gate::new(places), shed));
        (routes, bodies)
    }

    fn from(client: u8, path: &str, body: Body) -> Request {
        let mut request = Request::post(path).body(body).unwrap();
        request.extensions_mut().insert(ClientAddress(IpAddr::from([203, 0, 113, client])));
        request
    }

    /// A body that sends one byte and then nothing.
    fn drip() -> Body {
        let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"x")) });
        Body::from_stream(first.chain(stream::pending()))
    }

    async fn said(routes: &Router, request: Request) -> (u16, String) {
        let answer = routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn who_only_drips_takes_no_place_and_is_cut_in_time() {
        let (routes, bodies) = routes(1);
        let dripping: Vec<_> = (0..3)
            .map(|_| {
                let routes = routes.clone();
                tokio::spawn(async move { said(&routes, from(1, "/webhooks/x", drip())).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(bodies.counts().1, 3);
        // The slow bodies hold no permit, so other requests of any client are served.
        for client in [1, 2] {
            assert_eq!(
                said(&routes, from(client, "/webhooks/x", Body::from("abc"))).await,
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
    async fn a_body_is_cut_after_a_pause_and_after_the_whole_time() {
        let (routes, _) = routes(8);
        let every = |ms: u64, parts: usize| {
            Body::from_stream(stream::unfold(0, move |sent| async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                (sent < parts).then_some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), sent + 1))
            }))
        };
        for (body, expected) in [(every(20, 5), 200), (every(900, 1), 408), (every(350, 5), 408)] {
            assert_eq!(said(&routes, from(1, "/webhooks/x", body)).await.0, expected);
        }
        // The API has no 408 in its list of codes.
        assert_eq!(said(&routes, from(1, "/api/x", every(900, 1))).await.0, 400);
    }

    #[tokio::test]
    async fn bytes_are_bounded_for_a_client_and_for_all() {
        let (routes, bodies) = routes(8);
        let endless = |bytes: usize| {
            let first = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])) });
            Body::from_stream(first.chain(stream::pending()))
        };
        let mut running = Vec::new();
        for (client, bytes) in [(1, 40), (2, 40), (1, 30), (3, 40)] {
            let routes = routes.clone();
            running.push(tokio::spawn(async move {
                said(&routes, from(client, "/webhooks/x", endless(bytes))).await.0
            }));
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(bodies.counts().2 <= BOUNDS.bytes);
        }
        // A body that exceeds the limit of a client is cut off although there is room in total.
        assert_eq!(said(&routes, from(4, "/webhooks/x", endless(61))).await.0, 503);
        assert_eq!(said(&routes, from(4, "/api/x", endless(61))).await.0, 429);
        let answers = join_all(running).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(answers, [503, 503, 408, 408]);
    }
}
