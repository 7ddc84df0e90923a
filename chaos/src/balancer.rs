//! A TCP load balancer in front of the replicas.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};

/// Starts the balancer and returns its address. Each connection goes to the next replica that accepts it, and is closed if
/// none does.
pub async fn start(replicas: Vec<SocketAddr>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("the load balancer could not listen")?;
    let address = listener.local_addr().context("the load balancer has no address")?;
    let (replicas, next) = (Arc::new(replicas), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (replicas, first) = (Arc::clone(&replicas), next.fetch_add(1, Ordering::Relaxed));
            tokio::spawn(async move { forward(client, &replicas, first).await });
        }
    });
    Ok(address)
}

async fn forward(mut client: TcpStream, replicas: &[SocketAddr], first: usize) {
    for step in 0..replicas.len() {
        if let Ok(mut replica) = TcpStream::connect(replicas[(first + step) % replicas.len()]).await {
            // Either side may disconnect at any time, because replicas are killed.
            drop(tokio::io::copy_bidirectional(&mut client, &mut replica).await);
            return;
        }
    }
}
