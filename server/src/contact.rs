//! Whom to tell of a hole: `/.well-known/security.txt` (RFC 9116).

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_service::Services;

const PATH: &str = "/.well-known/security.txt";
/// For how long what it says is good: it is made anew with each answer.
const GOOD_FOR: Duration = Duration::from_secs(180 * 24 * 3600);

#[derive(Clone)]
struct Contact {
    uri: String,
    canonical: String,
    services: Services,
}

/// The file, for a contact that is a URI.
pub fn router(uri: String, public_url: &str, services: Services) -> Router {
    let canonical = format!("{public_url}{PATH}");
    Router::new().route(PATH, get(serve)).with_state(Contact { uri, canonical, services })
}

async fn serve(State(contact): State<Contact>) -> Response {
    let Contact { uri, canonical, services } = contact;
    let expires = services.now().plus(GOOD_FOR);
    let text = format!("Contact: {uri}\nExpires: {expires}\nCanonical: {canonical}\n");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
