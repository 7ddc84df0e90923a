//! The v1 REST API: thin handlers over the service layer.

mod account;
mod assistants;
mod auth;
mod body;
mod error;
mod etag;
mod idempotency;
mod limit;
mod openapi;
mod path;
mod query;
mod schema;
mod timeline;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_domain::ErrorCode;
use reef_service::Services;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::panic;

pub use auth::KEY_HEADER;
pub use error::ApiError;
pub use openapi::document;

/// The routes with their documentation: the two can't drift apart.
fn v1() -> OpenApiRouter<Services> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(assistants::purchase))
        .routes(routes!(assistants::list))
        .routes(routes!(assistants::get, assistants::update, assistants::delete))
        .routes(routes!(assistants::activate))
        .routes(routes!(assistants::status))
        .routes(routes!(assistants::redeploy))
        .routes(routes!(assistants::stop))
        .routes(routes!(timeline::events))
        .routes(routes!(timeline::callbacks))
        .routes(routes!(timeline::redeliver))
        .routes(routes!(timeline::test_callback))
        .routes(routes!(account::me))
        .routes(routes!(account::models))
}

/// Everything below `/api`: unknown paths and wrong methods are answered in JSON too.
pub fn router(services: Services, v1_enabled: bool) -> Router {
    let (v1, _) = v1().split_for_parts();
    let v1 = v1
        // Inside, so that a panic frees its idempotency key and is told the key's quota like any answer.
        .layer(CatchPanicLayer::custom(panic::in_api))
        .layer(middleware::from_fn(etag::tag))
        .layer(middleware::from_fn_with_state(services.clone(), idempotency::once))
        .layer(middleware::from_fn(limit::tell));
    Router::new()
        .merge(v1)
        .route("/api/openapi", get(openapi::serve))
        .route("/api", axum::routing::any(not_found))
        .route("/api/", axum::routing::any(not_found))
        .route("/api/{*rest}", axum::routing::any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(services)
        // Around everything, so that it comes before a wrong method too.
        .layer(middleware::from_fn_with_state(v1_enabled, only_if_enabled))
        .layer(CatchPanicLayer::custom(panic::in_api))
        .layer(middleware::map_response(no_store))
}

/// `API_DISABLED` comes before everything else, on all of `/api/v1`.
async fn only_if_enabled(State(enabled): State<bool>, request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix("/api/v1");
    if enabled || below.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        next.run(request).await
    } else {
        ApiError::plain(ErrorCode::ApiDisabled, "Assistant v1 API is disabled").into_response()
    }
}

async fn not_found() -> ApiError {
    ApiError::plain(ErrorCode::NotFound, "There is nothing at this path")
}

async fn method_not_allowed() -> ApiError {
    ApiError::plain(ErrorCode::MethodNotAllowed, "This path does not take this method")
}

/// Answers are for the one who asked and may be different a second later.
async fn no_store(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
