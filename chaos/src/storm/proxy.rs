//! A proxy in front of PostgreSQL for each process, which delays and interrupts the connection that receives
//! notifications.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The faults of a proxy.
#[derive(Debug)]
struct Faults {
    /// Nothing arrives on the connection that listens.
    is_paused: watch::Sender<bool>,
    /// The connection that listens is closed when this changes.
    drops: watch::Sender<u64>,
    /// How much later everything arrives at the database, in milliseconds.
    delay_ms: AtomicU64,
}

/// A running proxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    faults: Arc<Faults>,
}

impl Proxy {
    /// Starts a proxy of `server`, which is a host with a port.
    pub async fn start(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the proxy could not listen")?;
        let address = listener.local_addr().context("the proxy has no address")?;
        let faults = Arc::new(Faults {
            is_paused: watch::channel(false).0,
            drops: watch::channel(0).0,
            delay_ms: AtomicU64::new(0),
        });
        let this = Self { address, faults: Arc::clone(&faults) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, faults) = (server.clone(), Arc::clone(&faults));
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        forward(client, server, &faults).await;
                    }
                });
            }
        });
        Ok(this)
    }

    /// Closes the connection that listens, without a word of the database.
    pub fn drop_listener(&self) {
        self.faults.drops.send_modify(|drops| *drops += 1);
    }

    /// Holds back what arrives on the connection that listens.
    pub fn set_paused(&self, is_paused: bool) {
        self.faults.is_paused.send_replace(is_paused);
    }

    /// Delays everything that is sent to the database.
    pub fn set_delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.faults.delay_ms.store(ms, Ordering::Relaxed);
    }
}

async fn forward(client: TcpStream, server: TcpStream, faults: &Faults) {
    let mut drops = faults.drops.subscribe();
    let is_listening = AtomicBool::new(false);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let dropped = async {
        while drops.changed().await.is_ok() {
            if is_listening.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    tokio::select! {
        () = send_queries(from_client, to_server, faults, &is_listening) => {}
        () = send_answers(from_server, to_client, faults, &is_listening) => {}
        () = dropped => {}
    }
}

/// Forwards to the database, and notices when the client begins and ends to listen.
async fn send_queries(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: &Faults,
    is_listening: &AtomicBool,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let contains = |word: &[u8]| buffer[..length].windows(word.len()).any(|part| part == word);
        if contains(b"UNLISTEN ") {
            is_listening.store(false, Ordering::Relaxed);
        } else if contains(b"LISTEN ") {
            is_listening.store(true, Ordering::Relaxed);
        }
        let delay = faults.delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Forwards to the client. The connection that listens may be paused.
async fn send_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: &Faults,
    is_listening: &AtomicBool,
) {
    let mut is_paused = faults.is_paused.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if is_listening.load(Ordering::Relaxed) && is_paused.wait_for(|is_paused| !is_paused).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
