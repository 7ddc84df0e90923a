//! A good client of Reef: after a broken connection it sends the same request again, with the same key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::ledger::Ledger;

/// How long one try may take; Reef's own waits for vendors are shorter.
const TRY_LIMIT: Duration = Duration::from_secs(40);
/// After how long a request that gets no answer is a finding.
const GIVE_UP: Duration = Duration::from_secs(150);

/// Plain HTTP to loopback, a connection for each request: a killed process must not look like a late answer.
pub fn http() -> Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        // No certificate is needed, and none is looked for.
        .tls_certs_only([])
        .timeout(TRY_LIMIT)
        .build()
        .context("an HTTP client")
}

/// An account of Reef, and what it takes to act for it.
#[derive(Clone)]
pub struct Customer {
    /// For Reef and the sandbox.
    pub http: Client,
    /// Where Reef is.
    pub base: String,
    /// Where the sandbox is.
    pub sandbox: String,
    /// The API key.
    pub key: String,
    /// What its callbacks are signed with.
    pub callback_secret: String,
}

/// What Reef answered in the end.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Value,
    /// Whether it took more than one try.
    pub is_retried: bool,
}

impl Answer {
    /// The `data` of a success.
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// The code of an error.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

impl Customer {
    /// Sends a request below `/api/v1/assistants` until it is answered for good: a broken connection, a 500, 503 or
    /// `REQUEST_IN_PROGRESS` are sent again with the same key.
    pub async fn send(
        &self,
        ledger: &Arc<Ledger>,
        rng: &mut fastrand::Rng,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let url = format!("{}/api/v1/assistants{path}", self.base);
        let key = format!("chaos-{:032x}", rng.u128(..));
        let started = Instant::now();
        let mut tries = 0_u32;
        loop {
            tries += 1;
            ledger.count_request(tries > 1);
            let mut request = self.http.request(method.clone(), &url).header("X-API-Key", &self.key);
            if method != Method::GET {
                request = request.header("Idempotency-Key", &key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let last = match read(request).await {
                Ok((status, body)) => {
                    let answer = Answer { status, body, is_retried: tries > 1 };
                    let is_late = matches!(status, 500 | 503) || answer.code() == "REQUEST_IN_PROGRESS";
                    if !is_late {
                        return Ok(answer);
                    }
                    format!("{status} {}", answer.body)
                }
                Err(error) => format!("{error:#}"),
            };
            if started.elapsed() > GIVE_UP {
                bail!("{method} {path} was not answered after {tries} tries: {last}");
            }
            tokio::time::sleep(Duration::from_millis(rng.u64(50..400))).await;
        }
    }

    /// Asks the sandbox for JSON.
    pub async fn sandbox_json(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.sandbox)).bearer_auth("sandbox");
        let (status, body) = read(request).await?;
        if status != 200 {
            bail!("the sandbox answered {status} to {path}: {body}");
        }
        Ok(body)
    }
}

/// A whole answer; `null` when its body is not JSON.
async fn read(request: reqwest::RequestBuilder) -> Result<(u16, Value)> {
    let answer = request.send().await.context("no answer")?;
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.context("half an answer")?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
