//! A server with scripted answers that records the requests it receives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;

/// A request that the stub has recorded.
pub struct RecordedRequest {
    pub method: String,
    /// The path with the query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl RecordedRequest {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The method and the path with the query, as in `GET /v1/models?limit=1`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A scripted answer to one request.
pub struct Answer {
    status: u16,
    header: Option<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
}

#[expect(clippy::needless_pass_by_value, reason = "a call reads best with the value itself")]
pub fn answer(status: u16, body: impl ToString) -> Answer {
    answer_bytes(status, body.to_string().into_bytes())
}

pub fn answer_bytes(status: u16, body: Vec<u8>) -> Answer {
    Answer { status, header: None, body, delay: Duration::ZERO }
}

impl Answer {
    pub fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { header: Some((name, value.into())), ..self }
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

#[derive(Clone)]
pub struct Stub {
    pub url: String,
    inner: Arc<Mutex<(VecDeque<Answer>, Vec<RecordedRequest>)>>,
}

impl Stub {
    /// Starts a server that gives the answers in order, and then status 599.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stub = Self { url, inner: Arc::new(Mutex::new((answers.into_iter().collect(), Vec::new()))) };
        let app = Router::new().fallback(handle).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        stub
    }

    /// Takes the requests that were recorded since the last call.
    pub fn drain_requests(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut self.inner.lock().unwrap().1)
    }
}

async fn handle(State(stub): State<Stub>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let sent = RecordedRequest {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
    };
    let next = {
        let mut inner = stub.inner.lock().unwrap();
        inner.1.push(sent);
        inner.0.pop_front().unwrap_or_else(|| answer(599, "not scripted"))
    };
    tokio::time::sleep(next.delay).await;
    let mut response = Response::builder().status(next.status);
    if let Some((name, value)) = next.header {
        response = response.header(name, value);
    }
    response.body(Body::from(next.body)).unwrap()
}

/// Returns a URL with a port on which no server listens.
pub async fn unused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
