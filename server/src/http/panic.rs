//! The response to an API request whose handler panicked. The panic hook in `log` logs the panic itself.

use std::any::Any;

use axum::response::{IntoResponse, Response};
use reef_domain::ErrorCode;

use crate::api_error::ApiError;

/// The response of the API: 500 `INTERNAL_ERROR`.
pub fn api_response(_: Box<dyn Any + Send>) -> Response {
    ApiError::new(ErrorCode::InternalError, "Something went wrong on our side. Try again in a moment.")
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, Response, header};
    use axum::routing::get;
    use axum::{Json, Router};
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn succeeding_handler() -> Json<Value> {
        Json(json!({"data": 1}))
    }

    async fn panicking_handler() -> Json<Value> {
        panic!("the bot token is 123456:secret")
    }

    async fn get_from(routes: Router, path: &str) -> Response<Body> {
        routes.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn text(response: Response<Body>) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    fn routes() -> Router {
        Router::new().route("/fine", get(succeeding_handler)).route("/panics", get(panicking_handler))
    }

    #[tokio::test]
    async fn panic_in_api_returns_500_json() {
        let routes = routes().layer(CatchPanicLayer::custom(super::api_response));
        let response = get_from(routes.clone(), "/panics").await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let expected = json!({"error": {"code": "INTERNAL_ERROR", "message": "Something went wrong on our side. Try again in a moment."}});
        assert_eq!(text(response).await, expected.to_string());
        assert_eq!(get_from(routes, "/fine").await.status(), 200);
    }
}
