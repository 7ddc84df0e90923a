//! Connections: bounded in number, in what a request's head may hold, and in how long the other side may take.

use std::collections::HashMap;
use std::io::{ErrorKind, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reef_domain::Chain;
use reef_service::ClientAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::address::TrustedProxies;

/// Open at once.
const CONNECTIONS_MAX: usize = 16_384;
/// Of them from one network that is neither this machine nor a trusted proxy.
const PER_CLIENT_MAX: usize = 512;
/// Files that are no connections: the database, the log, calls to vendors.
const OTHER_FILES: u64 = 512;
/// How long the head of a request may take to arrive; an idle connection ends after it too. Longer than the 60 s after
/// which common proxies end theirs, so that none sends a request into a connection that is being closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(65);
/// The longest head, in bytes; beyond, the answer is 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How much of a request is read ahead, in bytes.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long the other side may take none of what is sent to it.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// How long to wait before the next connection is taken when none can be.
const PAUSE: Duration = Duration::from_millis(200);
/// What a connection too many is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    connections: usize,
    head_timeout: Duration,
}

/// Takes connections until `closing`, then lets those that are open end their request.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    let bounds = Bounds { connections: connections_max(), head_timeout: HEAD_TIMEOUT };
    serve_within(bounds, listener, routes, proxies, closing).await;
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    let open = TaskTracker::new();
    let places = Places::new(bounds.connections);
    loop {
        let accepted = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let is_known = peer.ip().to_canonical().is_loopback() || proxies.has(peer.ip());
                let client = (!is_known).then(|| ClientAddress(peer.ip()).network());
                if let Some(place) = places.take(client) {
                    let connection =
                        carry(bounds, stream, peer, routes.clone(), proxies.clone(), closing.clone());
                    open.spawn(async move {
                        let _place = place;
                        connection.await;
                    });
                } else {
                    refuse(stream);
                }
            }
            Err(error) if is_of_the_other_side(&error) => {}
            Err(error) => {
                tracing::error!(error = %Chain(&error), "no connection can be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// How many connections may be open: as many as there may be files, so that the database always gets its own.
fn connections_max() -> usize {
    let wanted = CONNECTIONS_MAX as u64 + OTHER_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or_else(|error| {
        tracing::warn!(error = %Chain(&error), "the limit of open files cannot be read");
        wanted
    });
    let most = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(CONNECTIONS_MAX);
    let most = most.clamp(64, CONNECTIONS_MAX);
    if most < CONNECTIONS_MAX {
        tracing::warn!(most, files, "few files may be open, and so few connections");
    }
    most
}

async fn carry(
    bounds: Bounds,
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    // Events are small and should not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %Chain(&error), "a connection sends in pieces");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED_AFTER));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let client = proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(client);
        routes.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_timeout)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %Chain(&error), "a connection ended badly");
    }
}

/// Says so in one packet and waits for nothing.
fn refuse(stream: TcpStream) {
    let told = stream.into_std().and_then(|mut stream| stream.write_all(FULL));
    if let Err(error) = told {
        tracing::debug!(error = %Chain(&error), "a connection was refused without a word");
    }
}

fn is_of_the_other_side(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<IpAddr, usize>,
}

/// Who is connected.
#[derive(Clone, Debug)]
struct Places {
    most: usize,
    taken: Arc<Mutex<Taken>>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    client: Option<IpAddr>,
}

impl Places {
    fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place for a connection; `None` when there is none, or the client has its share.
    fn take(&self, client: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return None;
        }
        if let Some(client) = client {
            let of_client = taken.of.get(&client).copied().unwrap_or(0);
            if of_client >= PER_CLIENT_MAX {
                return None;
            }
            taken.of.insert(client, of_client + 1);
        }
        taken.all += 1;
        Some(Place { places: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(client) = self.client else { return };
        match taken.of.get_mut(&client) {
            Some(of_client) if *of_client > 1 => *of_client -= 1,
            _ => drop(taken.of.remove(&client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: reef\r\n\r\n";

    /// A server within bounds: where it is, what ends it, and its end.
    async fn start(
        connections: usize,
        head_timeout: Duration,
        routes: Router,
    ) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, closing) = (listener.local_addr().expect("bound"), CancellationToken::new());
        let bounds = Bounds { connections, head_timeout };
        let proxies = TrustedProxies::default();
        (address, closing.clone(), tokio::spawn(serve_within(bounds, listener, routes, proxies, closing)))
    }

    /// All that comes until the other side ends the connection.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        read.expect("the connection ends").expect("in order");
        String::from_utf8(answer).expect("UTF-8")
    }

    #[tokio::test]
    async fn a_head_that_never_ends_ends_the_connection() {
        let routes = Router::new().route("/", get(async || "done"));
        let (address, ..) = start(10, Duration::from_millis(100), routes).await;
        for begun in [&b"GET / HTTP/1.1\r\nHost:"[..], b"", REQUEST] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            let answer = rest(&mut stream).await;
            assert_eq!(answer.ends_with("done"), begun == REQUEST, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_connection_too_many_is_told_so_and_its_place_comes_back() {
        let routes = Router::new().route("/", get(async || "done"));
        let (address, ..) = start(1, PATIENCE, routes).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(REQUEST).await.unwrap();
        assert!(first.read_u8().await.is_ok());
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(rest(&mut second).await.starts_with("HTTP/1.1 503 "));
        drop(first);
        let served = async {
            loop {
                let mut next = TcpStream::connect(address).await.unwrap();
                next.write_all(b"GET / HTTP/1.1\r\nHost: reef\r\nConnection: close\r\n\r\n").await.unwrap();
                let mut answer = Vec::new();
                if next.read_to_end(&mut answer).await.is_ok() && answer.ends_with(b"done") {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, served).await.unwrap();
    }

    #[tokio::test]
    async fn closing_lets_a_request_end_and_takes_no_other() {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (began, go) = (began.clone(), go.clone());
            async move || {
                began.notify_one();
                go.notified().await;
                "done"
            }
        };
        let (address, closing, ended) = start(10, PATIENCE, Router::new().route("/", get(slow))).await;
        let (mut busy, mut idle) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        busy.write_all(REQUEST).await.unwrap();
        began.notified().await;
        closing.cancel();
        assert_eq!(rest(&mut idle).await, "");
        go.notify_one();
        assert!(rest(&mut busy).await.ends_with("done"));
        tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[test]
    fn no_client_takes_all_places_and_a_place_is_given_back() {
        let places = Places::new(PER_CLIENT_MAX + 2);
        let (greedy, other) = (Some("203.0.113.7".parse().unwrap()), Some("198.51.100.9".parse().unwrap()));
        let mut held: Vec<_> = (0..PER_CLIENT_MAX).map(|_| places.take(greedy).unwrap()).collect();
        assert!(places.take(greedy).is_none());
        let _others = (places.take(other).unwrap(), places.take(None).unwrap());
        assert!(places.take(other).is_none());
        held.pop();
        assert!(places.take(greedy).is_some());
        drop(held);
        assert_eq!(places.taken.lock().unwrap().of.len(), 1);
    }
}
