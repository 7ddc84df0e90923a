//! The v1 REST API: thin handlers over the service layer, with the layers around them and the OpenAPI document.

mod account;
mod answer;
mod assistants;
mod auth;
mod body;
mod callbacks;
mod etag;
mod event_stream;
mod events;
mod facts;
mod health;
mod idempotency;
mod messages;
mod messages_schema;
mod openapi;
mod paging;
mod path;
mod people;
mod query;
mod rate_limit;
mod responses;
mod schema;
mod settings;
mod settings_schema;
mod usage;

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

use crate::api_error::ApiError;
use crate::http::panic;

pub use openapi::document;

/// The routes together with their documentation, so that the two cannot drift apart.
fn v1() -> OpenApiRouter<Services> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(assistants::purchase))
        .routes(routes!(assistants::list))
        .routes(routes!(assistants::get, assistants::update, assistants::delete))
        .routes(routes!(assistants::activate))
        .routes(routes!(assistants::status))
        .routes(routes!(health::get))
        .routes(routes!(assistants::redeploy))
        .routes(routes!(assistants::stop))
        .routes(routes!(settings::get, settings::update))
        .routes(routes!(settings::list_revisions))
        .routes(routes!(settings::restore))
        .routes(routes!(people::list))
        .routes(routes!(people::approve))
        .routes(routes!(people::block))
        .routes(routes!(people::delete))
        .routes(routes!(people::create_owner_link))
        .routes(routes!(facts::list))
        .routes(routes!(facts::delete))
        .routes(routes!(messages::send))
        .routes(routes!(usage::get))
        .routes(routes!(events::list))
        .routes(routes!(callbacks::list))
        .routes(routes!(callbacks::redeliver))
        .routes(routes!(callbacks::test))
        .routes(routes!(account::me))
        .routes(routes!(account::models))
}

fn with_layers(endpoints: Router<Services>, services: &Services) -> Router<Services> {
    endpoints
        // The innermost layer, so that a panic still releases its idempotency key and gets rate limit headers.
        .layer(CatchPanicLayer::custom(panic::api_response))
        .layer(middleware::from_fn(etag::add_etag))
        .layer(middleware::from_fn_with_state(services.clone(), idempotency::replay_or_run))
        .layer(middleware::from_fn(rate_limit::add_headers))
}

/// All routes below `/api`. Unknown paths and wrong methods get JSON errors, too.
pub fn router(services: Services, v1_enabled: bool) -> Router {
    let (v1, _) = v1().split_for_parts();
    Router::new()
        .merge(with_layers(v1, &services))
        .route("/api/openapi", get(openapi::serve))
        .route("/api", axum::routing::any(not_found))
        .route("/api/", axum::routing::any(not_found))
        .route("/api/{*rest}", axum::routing::any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(services)
        // The outermost check, because `API_DISABLED` also comes before 405.
        .layer(middleware::from_fn_with_state(v1_enabled, require_enabled))
        .layer(CatchPanicLayer::custom(panic::api_response))
        .layer(middleware::map_response(no_store))
}

/// Rejects everything below `/api/v1` with `API_DISABLED` before any other check.
async fn require_enabled(State(enabled): State<bool>, request: Request, next: Next) -> Response {
    let below = request.uri().path().strip_prefix("/api/v1");
    if enabled || below.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        next.run(request).await
    } else {
        ApiError::new(ErrorCode::ApiDisabled, "Assistant v1 API is disabled").into_response()
    }
}

async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is no endpoint at this path.")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, "This endpoint does not support this method.")
}

/// Responses depend on the API key and on the moment, so no cache may store them unless a layer inside decided otherwise.
async fn no_store(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::body::Body;
    use axum::routing::post;
    use reef_service::Caller;
    use reef_service::api_keys::NewApiKey;
    use secrecy::ExposeSecret as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::auth::{ApiKeyAuth, KEY_HEADER};
    use crate::compose::{self, PublicUrls};
    use crate::config::Config;

    #[tokio::test(flavor = "multi_thread")]
    async fn panic_releases_idempotency_key_and_has_quota_headers() {
        static HAS_PANICKED: AtomicBool = AtomicBool::new(false);
        async fn panics_once(_: ApiKeyAuth) -> &'static str {
            assert!(HAS_PANICKED.swap(true, Ordering::SeqCst), "the first request panics");
            "{}"
        }
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("reef.db").display());
        let config = Config::from_vars([("DATABASE_URL".to_owned(), url)]).unwrap();
        let store = compose::open_store(&config).await.unwrap();
        let services =
            compose::build_app(&config, store, PublicUrls::new(&config, config.bind_addr)).unwrap().services;
        let password = "correct horse battery".into();
        let user = services.create_user("ada@example.com", &password).await.unwrap().id;
        let new = NewApiKey { name: "k".to_owned(), read: true, write: true, ..NewApiKey::default() };
        let (_, key) = services.create_api_key(&Caller::operator(user), &new).await.unwrap();
        let routes = Router::new().route("/api/v1/x", post(panics_once));
        let routes = with_layers(routes, &services).with_state(services.clone());
        for expected in [500, 200] {
            let request = Request::post("/api/v1/x").header(KEY_HEADER, key.expose_secret());
            let request = request.header("idempotency-key", "k").body(Body::empty()).unwrap();
            let answer = routes.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), expected);
            assert!(answer.headers().contains_key("ratelimit"), "{expected}");
        }
        services.store().close().await;
    }
}
