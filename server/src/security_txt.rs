//! `/.well-known/security.txt` (RFC 9116), which names the operator's contact for security reports.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_service::Services;

const PATH: &str = "/.well-known/security.txt";
/// How long the file is valid. The date is computed for each response.
const VALID_FOR: Duration = Duration::from_secs(180 * 24 * 3600);

#[derive(Clone)]
struct SecurityTxt {
    uri: String,
    canonical: String,
    services: Services,
}

/// Serves the file with the given contact, which must be a URI.
pub fn router(uri: String, public_url: &str, services: Services) -> Router {
    let canonical = format!("{public_url}{PATH}");
    Router::new().route(PATH, get(serve)).with_state(SecurityTxt { uri, canonical, services })
}

async fn serve(State(contact): State<SecurityTxt>) -> Response {
    let SecurityTxt { uri, canonical, services } = contact;
    let expires = services.now().plus(VALID_FOR);
    let text = format!("Contact: {uri}\nExpires: {expires}\nCanonical: {canonical}\n");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
