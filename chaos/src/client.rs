//! A client of Reef that retries a request with the same idempotency key after a broken connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method};
use serde_json::Value;

use crate::ledger::Ledger;

/// How long an attempt may take. Reef's own timeouts for vendors are shorter.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(40);
/// A request without a response for this long is an error.
const RETRY_LIMIT: Duration = Duration::from_secs(150);

/// Creates the HTTP client. It opens a connection per request, so that a request never fails because of an earlier kill.
pub fn http_client() -> Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        // All requests go to loopback without TLS, so no certificates are loaded.
        .tls_certs_only([])
        .timeout(ATTEMPT_LIMIT)
        .build()
        .context("the HTTP client could not be created")
}

/// An account at Reef with its API key and its signing secret.
#[derive(Clone)]
pub struct Customer {
    pub http: Client,
    /// The URL of Reef.
    pub base: String,
    /// The URL of the sandbox.
    pub sandbox: String,
    pub email: String,
    pub key: String,
    pub callback_secret: String,
}

/// The final response to a request.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Value,
    /// Whether the request took more than one attempt.
    pub is_retried: bool,
}

impl Response {
    pub fn data(&self) -> &Value {
        &self.body["data"]
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

impl Customer {
    /// Sends a request to a path below `/api/v1/assistants`. Broken connections, 500, 503 and `REQUEST_IN_PROGRESS` are retried
    /// with the same idempotency key.
    pub async fn send(
        &self,
        ledger: &Arc<Ledger>,
        rng: &mut fastrand::Rng,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response> {
        let url = format!("{}/api/v1/assistants{path}", self.base);
        let key = format!("chaos-{:032x}", rng.u128(..));
        let started = Instant::now();
        let mut attempts = 0_u32;
        loop {
            attempts += 1;
            ledger.count_request(attempts > 1);
            let mut request = self.http.request(method.clone(), &url).header("X-API-Key", &self.key);
            if method != Method::GET {
                request = request.header("Idempotency-Key", &key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let last = match send_once(request).await {
                Ok((status, body)) => {
                    let answer = Response { status, body, is_retried: attempts > 1 };
                    let is_transient = matches!(status, 500 | 503) || answer.code() == "REQUEST_IN_PROGRESS";
                    if !is_transient {
                        return Ok(answer);
                    }
                    format!("{status} {}", answer.body)
                }
                Err(error) => format!("{error:#}"),
            };
            if started.elapsed() > RETRY_LIMIT {
                bail!("{method} {path} failed after {attempts} attempts: {last}");
            }
            tokio::time::sleep(Duration::from_millis(rng.u64(50..400))).await;
        }
    }

    /// Gets JSON from the sandbox.
    pub async fn sandbox_json(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.sandbox)).bearer_auth("sandbox");
        let (status, body) = send_once(request).await?;
        if status != 200 {
            bail!("GET {path} from the sandbox returned {status}: {body}");
        }
        Ok(body)
    }
}

/// Sends a request and reads the response. A body that is not JSON becomes `null`.
async fn send_once(request: reqwest::RequestBuilder) -> Result<(u16, Value)> {
    let answer = request.send().await.context("no response")?;
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.context("the response is incomplete")?;
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}
