//! Requests to a certain process.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use reqwest::{Client, Method};
use serde_json::Value;

use super::book::Read;

/// How long an answer may take. It is longer than a process is ever stopped.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(15);

/// The processes, as clients reach them.
#[derive(Clone, Debug)]
pub struct Api {
    pub http: Client,
    pub processes: Vec<SocketAddr>,
}

/// An answer, and when it was requested and received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub read: Read,
}

/// A request to `/api/v1/assistants` and what is below.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub key: &'a str,
    pub method: Method,
    pub path: &'a str,
    pub body: Option<Value>,
    pub idempotency_key: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub const fn get(key: &'a str, path: &'a str) -> Self {
        Self { key, method: Method::GET, path, body: None, idempotency_key: None }
    }
}

impl Api {
    pub fn new(processes: Vec<SocketAddr>) -> Result<Self> {
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // All requests go to loopback without TLS, so no certificates are loaded.
            .tls_certs_only([])
            .timeout(ATTEMPT_LIMIT)
            .build()
            .context("the HTTP client could not be created")?;
        Ok(Self { http, processes })
    }

    /// Sends a request to a process once. `None` when no answer says anything, because the process was killed or its
    /// database does not answer.
    pub async fn send(&self, process: usize, what: &'static str, call: &Call<'_>) -> Option<Answer> {
        let url = format!("http://{}/api/v1/assistants{}", self.processes[process], call.path);
        // Each request has an address of its own, because Reef limits how many invalid keys come from one.
        let from = Ipv4Addr::from_bits(0x0A00_0000 | (fastrand::u32(..) >> 8));
        let mut request = self.http.request(call.method.clone(), url).header("X-API-Key", call.key);
        request = request.header("X-Forwarded-For", from.to_string());
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let sent = Instant::now();
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        let read = Read { what, process, sent, answered: Instant::now() };
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (status < 500 || status == 502).then_some(Answer { status, body, read })
    }
}

impl Answer {
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}
