//! Gives every request an id, a span, a log line and a metric.

use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use reef_app::RequestPrincipal;
use reef_domain::ids::AssistantId;
use reef_jobs::trace::{TRACEPARENT, continue_trace};
use reef_service::api_keys::NewKeyRequest;
use reef_service::caller::Credential;
use reef_service::{Caller, Services};
use tracing::Instrument as _;
use tracing::field::display;

use super::overload::ShedMarker;

const ID_HEADER: &str = "x-request-id";
/// The longest inbound id that is accepted.
const ID_MAX: usize = 128;
/// The header of responses that were replayed for an idempotency key.
const REPLAYED_HEADER: &str = "idempotency-replayed";

/// Uses a valid inbound `X-Request-Id` or creates an id, and adds it to everything that is logged for the request and to the
/// response. Writes one log line when the head of the response is ready; for a stream, that is when it opens.
pub async fn log_request(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let inbound = request.headers().get(ID_HEADER).filter(|value| is_valid(value)).cloned();
    let id = inbound.unwrap_or_else(|| {
        HeaderValue::from_str(&services.new_uuid().to_string()).expect("a UUID is a valid header value")
    });
    let route = request.extensions().get::<MatchedPath>().cloned();
    // The path may contain a secret, such as a bot token in the sandbox, so only the route is logged.
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let method = method_name(request.method());
    let uri = request.uri().clone();
    let principal = RequestPrincipal::default();
    request.extensions_mut().insert(principal.clone());
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        request_id = id.to_str().unwrap_or_default(),
        method,
        route,
    );
    if let Some(traceparent) = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        continue_trace(&span, traceparent);
    }
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    if status_class(&response) == "5xx" {
        span.record("otel.status_code", "ERROR");
    }
    let log = RequestLog { id: &id, method, route, caller: principal.caller(), duration: started.elapsed() };
    log.write(&response);
    if let Some(caller) = log.caller {
        services.record_key_request(caller, log.key_request(uri.path(), response.status()));
    }
    let class = status_class(&response);
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", class.to_owned())];
    metrics::histogram!("reef_http_request_duration_seconds", &labels).record(log.duration.as_secs_f64());
    response.headers_mut().insert(ID_HEADER, id);
    response
}

/// The class of a response's status. A request over the limit has its own class because it is not a failure.
fn status_class(response: &Response) -> &'static str {
    if response.extensions().get::<ShedMarker>().is_some() {
        return "shed";
    }
    let class = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    class.get(usize::from(response.status().as_u16() / 100) - 1).copied().unwrap_or("other")
}

/// The content of a request's log line.
struct RequestLog<'a> {
    id: &'a HeaderValue,
    method: &'static str,
    route: &'a str,
    caller: Option<&'a Caller>,
    duration: Duration,
}

impl RequestLog<'_> {
    /// The entry in the request log of the caller's API key.
    fn key_request(&self, path: &str, status: StatusCode) -> NewKeyRequest {
        NewKeyRequest {
            method: self.method.to_owned(),
            path: loggable_path(self.route, path),
            status: status.as_u16(),
            duration: self.duration,
            request_id: self.id.to_str().unwrap_or_default().to_owned(),
        }
    }

    fn write(&self, response: &Response) {
        let status = response.status();
        let key_id = self.caller.and_then(|caller| match caller.credential {
            Credential::ApiKey { id, .. } => Some(display(id)),
            Credential::Session { .. } => None,
        });
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    parent: None,
                    request_id = self.id.to_str().unwrap_or_default(),
                    user_id = self.caller.map(|caller| display(caller.user_id)),
                    key_id,
                    method = self.method,
                    route = self.route,
                    status = status.as_u16(),
                    ms = self.duration.as_secs_f64() * 1000.0,
                    // The length of a stream is not known in advance.
                    bytes = response.body().size_hint().exact(),
                    replayed = response.headers().contains_key(REPLAYED_HEADER).then_some(true),
                    "request completed"
                )
            };
        }
        // The cause of an error was logged with the same request id where it was handled.
        if status_class(response) == "5xx" { line!(error) } else { line!(info) }
    }
}

/// The path of a request, in which a parameter that is not an id is replaced by its name: it may be a secret that was pasted
/// there by mistake. This also limits the length.
fn loggable_path(route: &str, path: &str) -> String {
    let asked = route.split('/').zip(path.split('/'));
    let segments = asked.map(|(of_route, of_path)| {
        let is_safe = !of_route.starts_with('{') || AssistantId::parse(of_path).is_some();
        if is_safe { of_path } else { of_route }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The name of a method. Unknown methods are `other`, so that clients cannot create any number of metric labels.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|name| method == name).unwrap_or("other")
}

fn is_valid(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=ID_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::loggable_path;

    #[test]
    fn loggable_path_keeps_ids_and_hides_other_parameters() {
        let route = "/api/v1/assistants/{id}/status";
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let good = format!("/api/v1/assistants/{id}/status");
        assert_eq!(loggable_path(route, &good), good);
        assert_eq!(loggable_path(route, "/api/v1/assistants/123:secret/status"), route);
        assert_eq!(loggable_path("/api/v1/me", "/api/v1/me"), "/api/v1/me");
    }
}
