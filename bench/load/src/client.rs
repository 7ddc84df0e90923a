//! A small HTTP client, which opens a connection for each request.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A response, whose body is text.
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// A customer of Reef, with an API key.
#[derive(Clone)]
pub struct Customer {
    pub reef: SocketAddr,
    pub key: String,
}

impl Customer {
    /// Sends a request to a path below `/api/v1/assistants` and returns the data of its response.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let response = self.send(method, path, body).await?;
        if !(200..300).contains(&response.status) {
            bail!("{method} {path} returned {}: {}", response.status, response.body);
        }
        let mut json: Value =
            serde_json::from_str(&response.body).with_context(|| format!("{path} did not return JSON"))?;
        Ok(json["data"].take())
    }

    /// As [`Self::call`], with any response.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response> {
        let path = format!("/api/v1/assistants{path}");
        let headers = format!("X-API-Key: {}\r\n", self.key);
        send(self.reef, method, &path, &headers, body).await
    }

    /// Waits until an assistant has a status.
    pub async fn wait_for(&self, id: &str, wanted: &str) -> Result<()> {
        loop {
            let current = self.call("GET", &format!("/{id}/status?wait=30"), None).await?;
            match current["status"].as_str() {
                Some(status) if status == wanted => return Ok(()),
                Some("failed") => bail!("an assistant failed: {}", current["statusMessage"]),
                _ => {}
            }
        }
    }
}

/// Sends a request. Each line of `headers` ends with a line break.
pub async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<&Value>,
) -> Result<Response> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n{content}{headers}\r\n");
    let mut stream =
        TcpStream::connect(address).await.with_context(|| format!("{address} is not reached"))?;
    stream.write_all(format!("{head}{body}").as_bytes()).await.context("a request could not be sent")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.context("a response could not be read")?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").context("a response has no body")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Response { status: status.context("a response has no status")?, body: body.to_owned() })
}
