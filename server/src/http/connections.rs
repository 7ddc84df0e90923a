//! Accepts connections and limits their number, the size of a request's head and the time that a peer may take.

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
use reef_domain::ErrorChain;
use reef_jobs::supervise;
use reef_service::ClientAddress;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::trusted_proxies::TrustedProxies;

/// How many connections may be open at once.
const CONNECTIONS_MAX: usize = 16_384;
/// How many connections one network may have open, unless it is this machine or a trusted proxy.
const PER_CLIENT_MAX: usize = 512;
/// How many open files are reserved for the database, the log and requests to vendors.
const RESERVED_FILES: u64 = 512;
/// How long the head of a request may take to arrive, and how long a connection may be idle. Common proxies close idle
/// connections after 60 s; this is longer, so that no proxy sends a request into a connection that is being closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(65);
/// The longest head of a request, in bytes. A longer one is answered with 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How many bytes of a request are read ahead.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long a peer may stop reading what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before the next attempt if a connection could not be accepted.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// The response to a connection over the limit.
const SERVICE_UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    head_timeout: Duration,
}

/// Accepts connections until `closing` is cancelled, then lets open connections finish their current request.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    let bounds = Limits { connections: connections_max(), head_timeout: HEAD_TIMEOUT };
    serve_within(bounds, listener, routes, proxies, closing).await;
}

async fn serve_within(
    bounds: Limits,
    listener: TcpListener,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    let open = TaskTracker::new();
    let limit = ConnectionLimit::new(bounds.connections);
    let accept = || accept_connections(bounds, &listener, &routes, &proxies, &closing, &limit, &open);
    supervise("connections", closing.clone(), accept).await;
    drop(listener);
    open.close();
    open.wait().await;
}

async fn accept_connections(
    bounds: Limits,
    listener: &TcpListener,
    routes: &Router,
    proxies: &TrustedProxies,
    closing: &CancellationToken,
    limit: &ConnectionLimit,
    open: &TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let is_known = peer.ip().to_canonical().is_loopback() || proxies.contains(peer.ip());
                let client = (!is_known).then(|| ClientAddress(peer.ip()).network());
                if let Some(permit) = limit.reserve(client) {
                    let connection = handle_connection(
                        bounds,
                        stream,
                        peer,
                        routes.clone(),
                        proxies.clone(),
                        closing.clone(),
                    );
                    open.spawn(async move {
                        let _place = permit;
                        connection.await;
                    });
                } else {
                    reject(stream);
                }
            }
            Err(error) if is_peer_error(&error) => {}
            Err(error) => {
                tracing::error!(error = %ErrorChain(&error), "connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Computes how many connections may be open from the limit of open files, so that the database can always open its own.
fn connections_max() -> usize {
    let wanted = CONNECTIONS_MAX as u64 + RESERVED_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or_else(|error| {
        tracing::warn!(error = %ErrorChain(&error), "limit of open files could not be read");
        wanted
    });
    let max = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(CONNECTIONS_MAX);
    let most = max.clamp(64, CONNECTIONS_MAX);
    if most < CONNECTIONS_MAX {
        tracing::warn!(most, files, "connections limited by the limit of open files");
    }
    most
}

async fn handle_connection(
    bounds: Limits,
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    proxies: TrustedProxies,
    closing: CancellationToken,
) {
    // Server-sent events are small and must not wait in the send buffer.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %ErrorChain(&error), "TCP_NODELAY could not be set");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let client = proxies.client_address(peer.ip(), request.headers());
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
        tracing::debug!(error = %ErrorChain(&error), "connection failed");
    }
}

/// Answers with one packet without waiting for a request.
fn reject(stream: TcpStream) {
    let sent = stream.into_std().and_then(|mut stream| stream.write_all(SERVICE_UNAVAILABLE));
    if let Err(error) = sent {
        tracing::debug!(error = %ErrorChain(&error), "rejection of a connection could not be sent");
    }
}

fn is_peer_error(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

#[derive(Debug, Default)]
struct OpenConnections {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// Limits the number of open connections, in total and by network.
#[derive(Clone, Debug)]
struct ConnectionLimit {
    max: usize,
    open: Arc<Mutex<OpenConnections>>,
}

/// The permit of an open connection, which is released when dropped.
#[derive(Debug)]
struct ConnectionPermit {
    limit: ConnectionLimit,
    client: Option<IpAddr>,
}

impl ConnectionLimit {
    fn new(total_max: usize) -> Self {
        Self { max: total_max, open: Arc::default() }
    }

    /// Reserves a permit; returns `None` if the total limit or that of the network is reached.
    fn reserve(&self, client: Option<IpAddr>) -> Option<ConnectionPermit> {
        let mut taken = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.total >= self.max {
            return None;
        }
        if let Some(client) = client {
            let of_client = taken.by_network.get(&client).copied().unwrap_or(0);
            if of_client >= PER_CLIENT_MAX {
                return None;
            }
            taken.by_network.insert(client, of_client + 1);
        }
        taken.total += 1;
        Some(ConnectionPermit { limit: self.clone(), client })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.limit.open.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total -= 1;
        let Some(client) = self.client else { return };
        match taken.by_network.get_mut(&client) {
            Some(of_client) if *of_client > 1 => *of_client -= 1,
            _ => drop(taken.by_network.remove(&client)),
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

    const TIMEOUT: Duration = Duration::from_secs(10);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: reef\r\n\r\n";

    /// Starts a server and returns its address, the token that closes it, and its task.
    async fn start(
        connections: usize,
        head_timeout: Duration,
        routes: Router,
    ) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("no free port");
        let (address, closing) =
            (listener.local_addr().expect("the listener has no address"), CancellationToken::new());
        let bounds = Limits { connections, head_timeout };
        let proxies = TrustedProxies::default();
        (address, closing.clone(), tokio::spawn(serve_within(bounds, listener, routes, proxies, closing)))
    }

    /// Reads until the server closes the connection.
    async fn read_response(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
        read.expect("the connection was not closed").expect("the connection failed");
        String::from_utf8(answer).expect("the response is not UTF-8")
    }

    #[tokio::test]
    async fn incomplete_head_times_out() {
        let routes = Router::new().route("/", get(async || "done"));
        let (address, ..) = start(10, Duration::from_millis(100), routes).await;
        for begun in [&b"GET / HTTP/1.1\r\nHost:"[..], b"", REQUEST] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            let answer = read_response(&mut stream).await;
            assert_eq!(answer.ends_with("done"), begun == REQUEST, "{answer}");
        }
    }

    #[tokio::test]
    async fn connection_over_limit_returns_503_until_permit_is_released() {
        let routes = Router::new().route("/", get(async || "done"));
        let (address, ..) = start(1, TIMEOUT, routes).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(REQUEST).await.unwrap();
        assert!(first.read_u8().await.is_ok());
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(read_response(&mut second).await.starts_with("HTTP/1.1 503 "));
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
        tokio::time::timeout(TIMEOUT, served).await.unwrap();
    }

    #[tokio::test]
    async fn closing_finishes_open_request_and_accepts_no_other() {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (began, go) = (began.clone(), go.clone());
            async move || {
                began.notify_one();
                go.notified().await;
                "done"
            }
        };
        let (address, closing, ended) = start(10, TIMEOUT, Router::new().route("/", get(slow))).await;
        let (mut busy, mut idle) =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        busy.write_all(REQUEST).await.unwrap();
        began.notified().await;
        closing.cancel();
        assert_eq!(read_response(&mut idle).await, "");
        go.notify_one();
        assert!(read_response(&mut busy).await.ends_with("done"));
        tokio::time::timeout(TIMEOUT, ended).await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[test]
    fn connection_limit_per_network_is_enforced_and_released() {
        let places = ConnectionLimit::new(PER_CLIENT_MAX + 2);
        let (greedy, other) = (Some("203.0.113.7".parse().unwrap()), Some("198.51.100.9".parse().unwrap()));
        let mut held: Vec<_> = (0..PER_CLIENT_MAX).map(|_| places.reserve(greedy).unwrap()).collect();
        assert!(places.reserve(greedy).is_none());
        let _others = (places.reserve(other).unwrap(), places.reserve(None).unwrap());
        assert!(places.reserve(other).is_none());
        held.pop();
        assert!(places.reserve(greedy).is_some());
        drop(held);
        assert_eq!(places.open.lock().unwrap().by_network.len(), 1);
    }
}
