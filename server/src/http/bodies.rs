//! Bodies while they arrive: bounded in number, in bytes and in time, with a share for each client.
//!
//! A body that is late in coming holds no place among the requests that are worked on. Where there is no room for another,
//! the oldest one gives way: honest bodies arrive within milliseconds, and so it is hardly ever one of those.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, StreamExt as _};
use reef_domain::ids::UserId;
use reef_service::ClientAddress;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::overload::{self, InFlight};
use super::request::Asker;

/// What bodies may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Arriving at once.
    pub bodies: usize,
    /// Of them from one client.
    pub bodies_per_client: usize,
    /// Bytes of all bodies, from the first byte until the request is answered.
    pub bytes: usize,
    /// Of them from one client.
    pub bytes_per_client: usize,
    /// From the first byte to the last.
    pub whole: Duration,
    /// Between one part and the next.
    pub pause: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bodies: 4096,
            bodies_per_client: 256,
            bytes: 64 * 1024 * 1024,
            bytes_per_client: 8 * 1024 * 1024,
            whole: Duration::from_secs(20),
            pause: Duration::from_secs(10),
        }
    }
}

/// Whose share a body counts for: an account once it has shown its key, before that its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Network(IpAddr),
    Account(UserId),
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Cut {
    /// It took too long.
    #[error("the body took too long to arrive")]
    Late,
    /// Others needed the room.
    #[error("there is no room for the body")]
    Crowded,
}

/// Why this request's body was cut, if it was: whatever its handler made of that, this is the answer.
#[derive(Clone, Debug, Default)]
struct Verdict(Arc<OnceLock<Cut>>);

#[derive(Debug)]
struct Arriving {
    client: Client,
    bytes: usize,
    /// Still to come; else it waits for its answer, and nobody may take its bytes.
    is_under_way: bool,
    cut: CancellationToken,
}

#[derive(Debug, Default)]
struct Used {
    bodies: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By age.
    bodies: BTreeMap<u64, Arriving>,
    all: Used,
    of: HashMap<Client, Used>,
}

/// All bodies of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bodies {
    bounds: Bounds,
    open: Arc<Mutex<Open>>,
}

/// A body's place, until it is dropped.
#[derive(Debug)]
struct Ticket {
    bodies: Bodies,
    id: u64,
    cut: CancellationToken,
}

impl Open {
    fn used(&self, client: Client) -> (usize, usize) {
        self.of.get(&client).map_or((0, 0), |used| (used.bodies, used.bytes))
    }

    /// Takes a body's room away from it.
    fn remove(&mut self, id: u64) {
        let Some(body) = self.bodies.remove(&id) else { return };
        let of_client = self.of.entry(body.client).or_default();
        for used in [&mut self.all, of_client] {
            used.bodies -= usize::from(body.is_under_way);
            used.bytes -= body.bytes;
        }
        if of_client.bodies == 0 && of_client.bytes == 0 {
            self.of.remove(&body.client);
        }
        body.cut.cancel();
    }

    /// Cuts the oldest body that is still to come, of one client or of all, but for `own`; `false` when there is none.
    fn cut_oldest(&mut self, client: Option<Client>, own: u64) -> bool {
        let may_go = |(id, body): &(&u64, &Arriving)| {
            **id != own && body.is_under_way && client.is_none_or(|client| body.client == client)
        };
        let oldest = self.bodies.iter().find(may_go).map(|(id, _)| *id);
        oldest.inspect(|id| self.remove(*id)).is_some()
    }
}

impl Bodies {
    /// With these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, open: Arc::default() }
    }

    fn begin(&self, client: Client) -> Ticket {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let id = open.next;
        open.next += 1;
        if open.used(client).0 >= self.bounds.bodies_per_client {
            open.cut_oldest(Some(client), id);
        }
        if open.all.bodies >= self.bounds.bodies {
            open.cut_oldest(None, id);
        }
        let cut = CancellationToken::new();
        open.bodies.insert(id, Arriving { client, bytes: 0, is_under_way: true, cut: cut.clone() });
        open.all.bodies += 1;
        open.of.entry(client).or_default().bodies += 1;
        Ticket { bodies: self.clone(), id, cut }
    }
}

impl Ticket {
    /// Room for a part that has come.
    fn take(&self, bytes: usize) -> Result<(), Cut> {
        let bounds = &self.bodies.bounds;
        let mut open = self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner);
        let client = open.bodies.get(&self.id).ok_or(Cut::Crowded)?.client;
        while open.used(client).1 + bytes > bounds.bytes_per_client {
            if !open.cut_oldest(Some(client), self.id) {
                return Err(Cut::Crowded);
            }
        }
        while open.all.bytes + bytes > bounds.bytes {
            if !open.cut_oldest(None, self.id) {
                return Err(Cut::Crowded);
            }
        }
        open.all.bytes += bytes;
        open.of.entry(client).or_default().bytes += bytes;
        open.bodies.get_mut(&self.id).ok_or(Cut::Crowded)?.bytes += bytes;
        Ok(())
    }

    /// All of it has come; its bytes are held until it is answered.
    fn has_arrived(&self) {
        let mut open = self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(body) = open.bodies.get_mut(&self.id).filter(|body| body.is_under_way) else { return };
        body.is_under_way = false;
        let client = body.client;
        open.all.bodies -= 1;
        open.of.entry(client).or_default().bodies -= 1;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.bodies.open.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

/// A body on its way to a handler.
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
    /// Who is known by now: a handler asks for the body after it has looked at the key.
    fn client(&self) -> Client {
        let known = self.asker.as_ref().and_then(Asker::user);
        known.map_or(Client::Network(self.network), Client::Account)
    }

    /// The next part. While it is waited for, the request's place is another's.
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

/// Reads a request's body within the bounds, and says what became of one that was cut.
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
        // Held by this function too: the bytes are there until the answer is.
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

/// What a request whose body was cut is answered; the API has words of its own for what is late.
fn refusal(cut: Cut, path: &str, response: Response) -> Response {
    tracing::info!(%cut, "a body was cut off");
    let mut response = match cut {
        Cut::Crowded => overload::too_much(path),
        Cut::Late if overload::is_api(path) => response,
        Cut::Late => {
            (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive. Try again.\n").into_response()
        }
    };
    // What is still to come of it is not read.
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
    use proptest::prelude::*;
    use tower::ServiceExt as _;

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

    /// Answers with how long the body was, behind as many places as given.
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

    /// The first byte, and then nothing for ever.
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
        assert_eq!(bodies.open.lock().unwrap().all.bodies, 3);
        // The one place is free, for others and for the same client.
        for client in [1, 2] {
            assert_eq!(
                said(&routes, from(client, "/webhooks/x", Body::from("abc"))).await,
                (200, "3".to_owned())
            );
        }
        let answers =
            join_all(dripping).await.into_iter().map(|answer| answer.unwrap().0).collect::<Vec<_>>();
        // The oldest gave way to the client's own next one, the others ran out of time.
        assert_eq!(answers, [503, 408, 408]);
        let open = bodies.open.lock().unwrap();
        assert_eq!((open.bodies.len(), open.of.len(), open.all.bodies, open.all.bytes), (0, 0, 0, 0));
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
        // The API has no 408.
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
            assert!(bodies.open.lock().unwrap().all.bytes <= BOUNDS.bytes);
        }
        // What is too long for a share at all.
        assert_eq!(said(&routes, from(4, "/webhooks/x", endless(61))).await.0, 503);
        assert_eq!(said(&routes, from(4, "/api/x", endless(61))).await.0, 429);
        let answers = join_all(running).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        assert_eq!(answers, [503, 503, 408, 408]);
    }

    proptest! {
        /// Whatever comes and goes in whatever order, the sums are those of what is there, and within the bounds.
        #[test]
        fn the_books_are_right(steps in prop::collection::vec((0u8..4, 0u8..4, 0usize..70), 1..200)) {
            let bodies = Bodies::new(BOUNDS);
            let mut tickets = Vec::new();
            for (step, client, bytes) in steps {
                let one = usize::from(client) % tickets.len().max(1);
                match step {
                    0 => tickets.push(bodies.begin(Client::Network(IpAddr::from([203, 0, 113, client])))),
                    1 => drop(tickets.get(one).map(|ticket: &Ticket| ticket.take(bytes))),
                    2 => drop(tickets.get(one).map(Ticket::has_arrived)),
                    _ => drop((!tickets.is_empty()).then(|| tickets.swap_remove(one))),
                }
                let open = bodies.open.lock().unwrap();
                let under_way = |body: &&Arriving| body.is_under_way;
                prop_assert_eq!(open.all.bodies, open.bodies.values().filter(under_way).count());
                prop_assert_eq!(open.all.bytes, open.bodies.values().map(|body| body.bytes).sum::<usize>());
                prop_assert!(open.all.bodies <= BOUNDS.bodies && open.all.bytes <= BOUNDS.bytes);
                for (client, used) in &open.of {
                    let theirs = || open.bodies.values().filter(|body| body.client == *client);
                    prop_assert_eq!(used.bodies, theirs().filter(under_way).count());
                    prop_assert_eq!(used.bytes, theirs().map(|body| body.bytes).sum::<usize>());
                    prop_assert!(used.bodies <= BOUNDS.bodies_per_client && used.bytes <= BOUNDS.bytes_per_client);
                }
            }
            drop(tickets);
            let open = bodies.open.lock().unwrap();
            prop_assert_eq!((open.bodies.len(), open.all.bodies, open.all.bytes), (0, 0, 0));
        }
    }
}
