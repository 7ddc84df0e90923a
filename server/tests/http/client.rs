//! An API client for tests, which checks the properties that every response must have.

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// The path of the assistants' endpoints.
pub const ASSISTANTS: &str = "/api/v1/assistants";

/// All error codes with their statuses. `INVALID_REQUEST` has two.
const CODES: [(&str, u16); 16] = [
    ("API_DISABLED", 404),
    ("UNAUTHORIZED", 401),
    ("RATE_LIMITED", 429),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("INVALID_REQUEST", 400),
    ("INVALID_REQUEST", 413),
    ("INVALID_INPUT", 400),
    ("PAYMENT_NOT_CONFIGURED", 500),
    ("INVALID_STATE", 409),
    ("IDEMPOTENCY_KEY_REUSED", 422),
    ("REQUEST_IN_PROGRESS", 409),
    ("WORKER_DELETE_FAILED", 502),
    ("MODEL_FAILED", 502),
    ("INTERNAL_ERROR", 500),
];

/// An HTTP client for loopback that does not follow redirects.
pub fn http_client() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // Loading the system's certificates takes long, and plain HTTP needs none.
        .tls_certs_only([])
        .build()
        .expect("could not build the client")
}

/// A client with or without an API key.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// A response with its whole body.
#[derive(Debug)]
pub struct ApiResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

/// The body of a request.
pub enum Body {
    None,
    Json(Value),
    Raw(&'static str),
}

impl Client {
    pub fn new(http: reqwest::Client, base: String, key: Option<String>) -> Self {
        Self { http, base, key }
    }

    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    pub fn key(&self) -> &str {
        self.key.as_deref().expect("the API key is missing")
    }

    /// Builds a request with the key to an absolute path.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("the method is invalid");
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.header("X-API-Key", key),
            None => request,
        }
    }

    /// Sends a request to an absolute path below `/api` and checks the response.
    pub async fn call(&self, method: &str, path: &str, body: Body) -> ApiResponse {
        let request = self.request(method, path);
        let request = match body {
            Body::None => request,
            Body::Json(value) => request.json(&value),
            Body::Raw(text) => request.header(CONTENT_TYPE, "application/json").body(text),
        };
        ApiResponse::send(request).await
    }

    /// Sends `GET` to a path below the assistants' and returns the data of the 200 response.
    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", &format!("{ASSISTANTS}{path}"), Body::None).await.data(200)
    }

    /// Sends a request below the assistants' path, with a body unless it is null, and returns the data of the 200 response.
    pub async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        self.send(method, path, body).await.data(200)
    }

    /// Sends a request below the assistants' path, with a body unless it is null, and returns the expected error.
    pub async fn fails(&self, status: u16, code: &str, method: &str, path: &str, body: Value) -> Value {
        self.send(method, path, body).await.error(status, code)
    }

    /// Sends a request below the assistants' path, with a body unless it is null.
    pub async fn send(&self, method: &str, path: &str, body: Value) -> ApiResponse {
        let body = if body.is_null() { Body::None } else { Body::Json(body) };
        self.call(method, &format!("{ASSISTANTS}{path}"), body).await
    }

    /// Sends a request below the assistants' path, with these bytes as its JSON body.
    pub async fn send_raw(&self, method: &str, path: &str, bytes: impl Into<Vec<u8>>) -> ApiResponse {
        let request = self.request(method, &format!("{ASSISTANTS}{path}"));
        ApiResponse::send(request.header(CONTENT_TYPE, "application/json").body(bytes.into())).await
    }
}

impl ApiResponse {
    /// Sends a request, and checks the properties that every response below `/api` must have.
    pub async fn send(request: RequestBuilder) -> Self {
        let answer = request.send().await.expect("the request failed");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let answer = Self { status, headers, text: answer.text().await.expect("the response is incomplete") };
        answer.assert_common();
        answer
    }

    fn assert_common(&self) {
        assert_eq!(self.header(CONTENT_TYPE.as_str()), Some("application/json"), "{self:?}");
        // A tagged response may be stored by its client and has to be revalidated.
        let cached = if self.header(ETAG.as_str()).is_some() { "private, no-cache" } else { "no-store" };
        assert_eq!(self.header(CACHE_CONTROL.as_str()), Some(cached), "{self:?}");
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "{self:?}");
        let body = self.json();
        let keys: Vec<_> =
            body.as_object().expect("the value is not an object").keys().map(String::as_str).collect();
        if self.status < 300 {
            assert!(keys == ["data"] || keys.first() == Some(&"openapi"), "{self:?}");
            return;
        }
        assert_eq!(keys, ["error"], "{self:?}");
        let error = body["error"].as_object().expect("the value is not an object");
        let keys: Vec<_> = error.keys().map(String::as_str).collect();
        assert!(keys == ["code", "message"] || keys == ["code", "message", "details"], "{self:?}");
        let code = error["code"].as_str().expect("the code is not text");
        assert!(CODES.contains(&(code, self.status)), "{self:?}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        assert!(error.get("details").is_none_or(Value::is_object), "{self:?}");
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("the header is not ASCII"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Asserts the status and returns the data.
    pub fn data(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()["data"].clone()
    }

    /// Asserts status and code and returns the error.
    pub fn error(&self, status: u16, code: &str) -> Value {
        let error = self.json()["error"].clone();
        assert_eq!((json!(self.status), &error["code"]), (json!(status), &json!(code)), "{self:?}");
        error
    }
}
