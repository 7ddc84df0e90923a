//! While the process stops, every response asks the client to open its next connection elsewhere.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use reef_service::Services;

/// Adds `Connection: close` once the process has begun to stop.
pub async fn close_connections(State(services): State<Services>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if services.event_bus().closing().is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
