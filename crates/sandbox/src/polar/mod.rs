//! Polar: products, checkouts, subscriptions, orders, customers and their portal, and signed webhooks, in version 2026-10
//! of its API.
//!
//! The sandbox's organization allows several subscriptions per customer and has a product for every id. The wire formats
//! follow Polar's OpenAPI document and the source of its server.

mod card_change;
mod cards;
mod checkouts;
mod customers;
mod documents;
mod endpoints;
mod events;
mod lifecycle;
mod objects;
mod pages;
mod pauses;
mod payments;
mod portal;
mod products;
mod subscriptions;
mod validate;
mod webhooks;

pub(crate) use checkouts::expire_due as expire_checkouts;
pub(crate) use endpoints::reconcile_default as reconcile_default_endpoint;
pub(crate) use events::{Webhooks, expedite_deliveries, prune};
pub(crate) use lifecycle::resume_due as resume_subscriptions;

use axum::{
    Router,
    extract::{OriginalUri, Request},
    http::{HeaderName, HeaderValue, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get, patch, post},
};
use serde_json::json;

use crate::{
    World,
    web::{ErrorResponse, bearer_token, header_text},
};

/// The versions that the `Polar-Version` header may name.
const VERSIONS: [&str; 3] = ["2026-04", "2026-10", "2027-01"];
const VERSION_DEFAULT: &str = "2026-10";
const VERSION_HEADER: HeaderName = HeaderName::from_static("polar-version");

/// The routes of Polar's API.
pub(crate) fn api_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/polar/v1/checkouts/", get(checkouts::list).post(checkouts::create))
        .route("/sandbox/polar/v1/checkouts/{id}", get(checkouts::get))
        .route("/sandbox/polar/v1/subscriptions/", get(subscriptions::list))
        .route(
            "/sandbox/polar/v1/subscriptions/{id}",
            get(subscriptions::get).patch(subscriptions::update).delete(subscriptions::revoke),
        )
        .route("/sandbox/polar/v1/orders/", get(subscriptions::list_orders))
        .route("/sandbox/polar/v1/orders/{id}", get(subscriptions::get_order))
        .route("/sandbox/polar/v1/products/{id}", get(products::get))
        .route("/sandbox/polar/v1/customers/", get(customers::list))
        .route("/sandbox/polar/v1/customers/{id}", get(customers::get))
        .route("/sandbox/polar/v1/customers/external/{external_id}", get(customers::get_external))
        .route("/sandbox/polar/v1/customer-sessions/", post(customers::create_session))
        .route("/sandbox/polar/v1/webhooks/endpoints", get(webhooks::list).post(webhooks::create))
        .route(
            "/sandbox/polar/v1/webhooks/endpoints/{id}",
            patch(webhooks::update).get(webhooks::get).delete(webhooks::delete),
        )
        .route("/sandbox/polar/v1/{*rest}", any(unknown_path))
        .method_not_allowed_fallback(|| async { error(405, "MethodNotAllowed", "Method Not Allowed") })
        .route_layer(from_fn(check_version_and_token))
}

/// The routes of the pages and of their forms.
pub(crate) fn page_routes() -> Router<World> {
    Router::new()
        .route("/sandbox/polar/", get(pages::overview))
        .route("/sandbox/polar/checkout/{client_secret}", get(pages::checkout))
        .route("/sandbox/polar/checkout/{client_secret}/pay", post(pages::pay))
        .route("/sandbox/polar/checkout/{client_secret}/decline", post(pages::decline))
        .route("/sandbox/polar/checkout/{client_secret}/expire", post(pages::expire))
        .route("/sandbox/polar/subscriptions/{id}/{action}", post(pages::apply_action))
        .route("/sandbox/polar/portal", get(portal::overview))
        .route("/sandbox/polar/portal/orders/{id}", get(portal::invoice))
        .route("/sandbox/polar/portal/subscriptions/{id}/{action}", post(portal::update_subscription))
        .route("/sandbox/polar/portal/card", post(portal::change_card))
}

/// Polar's error: `{"error": "<ClassName>", "detail": "<text>"}`.
fn error(status: u16, class: &str, detail: &str) -> ErrorResponse {
    ErrorResponse::new(status, json!({"error": class, "detail": detail}))
}

fn not_found() -> ErrorResponse {
    error(404, "ResourceNotFound", "Not found")
}

/// Checks the version before the token, as Polar's server does.
async fn check_version_and_token(request: Request, next: Next) -> Response {
    let version = match header_text(request.headers(), VERSION_HEADER.as_str()) {
        None => VERSION_DEFAULT,
        Some(asked) => match VERSIONS.iter().find(|version| **version == asked) {
            Some(version) => version,
            None => return ErrorResponse::new(404, json!({"detail": "Not Found"})).into_response(),
        },
    };
    let mut response = match bearer_token(request.headers()) {
        Some(token) if !token.contains("refused") => next.run(request).await,
        _ => {
            let mut response = error(401, "Unauthorized", "Unauthorized").into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
    };
    response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(version));
    response
}

/// Polar redirects the path of a collection without a trailing slash.
async fn unknown_path(OriginalUri(uri): OriginalUri) -> Response {
    const COLLECTIONS: [&str; 5] =
        ["/v1/checkouts", "/v1/subscriptions", "/v1/orders", "/v1/customers", "/v1/customer-sessions"];
    if COLLECTIONS.iter().any(|path| uri.path().strip_prefix("/sandbox/polar") == Some(*path)) {
        return Redirect::temporary(&with_slash(&uri)).into_response();
    }
    ErrorResponse::new(404, json!({"detail": "Not Found"})).into_response()
}

fn with_slash(uri: &Uri) -> String {
    match uri.query() {
        Some(query) => format!("{}/?{query}", uri.path()),
        None => format!("{}/", uri.path()),
    }
}
