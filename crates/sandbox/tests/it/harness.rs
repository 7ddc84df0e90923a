//! A sandbox on its own port, an HTTP client, and a receiver for what the sandbox sends.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use reef_sandbox::{DEFAULT_POLAR_WEBHOOK_SECRET, Options, Sandbox};
use reqwest::{Client, RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// A running sandbox, whose database is in a folder that survives a restart.
pub struct World {
    pub base: String,
    pub http: Client,
    pub folder: Arc<TempDir>,
    sandbox: Sandbox,
    server: JoinHandle<()>,
}

impl World {
    pub async fn start() -> Self {
        Self::start_in(Arc::new(TempDir::new().unwrap())).await
    }

    pub async fn start_in(folder: Arc<TempDir>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let options = Options {
            database: folder.path().join("world").join("sandbox.db"),
            public_url: base.clone(),
            polar_webhook_secret: DEFAULT_POLAR_WEBHOOK_SECRET.to_owned(),
            polar_webhook_url: None,
            smtp_bind: "127.0.0.1:0".parse().unwrap(),
        };
        let sandbox = reef_sandbox::open(options).await.unwrap();
        sandbox.start(|_, _, run| async move { run().await });
        let router = sandbox.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, http: client(), folder, sandbox, server }
    }

    /// Stops this sandbox and starts another with the same database on another port.
    pub async fn restart(self) -> Self {
        let folder = Arc::clone(&self.folder);
        self.server.abort();
        self.sandbox.close().await;
        drop(self);
        Self::start_in(folder).await
    }

    /// Returns the address of the SMTP server.
    pub fn smtp(&self) -> String {
        self.sandbox.smtp_url().trim_start_matches("smtp://").to_owned()
    }

    pub fn drain(&self) {
        self.sandbox.drain();
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    pub fn put(&self, path: &str) -> RequestBuilder {
        self.http.put(format!("{}{path}", self.base))
    }

    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.http.patch(format!("{}{path}", self.base))
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.base))
    }
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

/// Sends a request and asserts its status. Returns the JSON body, or `null` if the body is not JSON.
pub async fn expect(status: u16, request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let (got, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

pub async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// A request that the receiver has received.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl ReceivedRequest {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Shared = Arc<Mutex<(Vec<ReceivedRequest>, VecDeque<(u16, String)>)>>;

/// Accepts every POST request. It responds from a list of responses first, and then with 200.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    shared: Shared,
}

impl Receiver {
    pub async fn start() -> Self {
        let shared = Shared::default();
        let router = Router::new().route("/{*path}", post(receive)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared }
    }

    pub fn respond_with(&self, status: u16, body: &str) {
        self.shared.lock().unwrap().1.push_back((status, body.to_owned()));
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.lock().unwrap().0.clone()
    }

    /// Waits until `count` requests have arrived.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedRequest> {
        until(|| async {
            let hits = self.requests();
            (hits.len() >= count).then_some(hits)
        })
        .await
    }
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let delay = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|body| body["message"]["text"].as_str().map(|text| text.starts_with("wait")));
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.0.push(ReceivedRequest { headers, body });
        shared.1.pop_front()
    };
    if delay == Some(true) {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let (status, body) = answer.unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).unwrap(), body)
}

/// Polls until there is a value, for at most 15 seconds.
pub async fn until<T, F: Future<Output = Option<T>>>(mut check: impl FnMut() -> F) -> T {
    for _ in 0..750 {
        if let Some(found) = check().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("timed out after 15 seconds");
}

/// A part of a form: its name, the name and type of a file, and its content.
pub type Part<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [u8]);

/// Adds a `multipart/form-data` body.
pub fn multipart(request: RequestBuilder, parts: &[Part<'_>]) -> RequestBuilder {
    const BOUNDARY: &str = "----form7MA4YWxk";
    let mut body = Vec::new();
    for (name, file, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        if let Some((file_name, kind)) = file {
            body.extend(format!("; filename=\"{file_name}\"\r\nContent-Type: {kind}").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body)
}
