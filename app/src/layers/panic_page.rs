//! The page that a browser gets when a handler panicked, or when its result may be lost. The server logs the cause itself.

use std::any::Any;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

/// A page for requests that failed because of Reef. It links to the start page.
#[must_use]
pub fn internal_error_page() -> Response {
    let page = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Something went wrong · Reef</title></head>\
                <body><h1>Something went wrong</h1><p>We have logged the error. Try again in a moment. \
                <a href=\"/\">Back to Reef</a></p></body></html>";
    (StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response()
}

pub(crate) fn panic_page(_: Box<dyn Any + Send>) -> Response {
    internal_error_page()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn panicking_handler() -> &'static str {
        panic!("the bot token is 123456:secret")
    }

    #[tokio::test]
    async fn panic_on_site_returns_page_with_link() {
        let routes = Router::new()
            .route("/panics", get(panicking_handler))
            .layer(CatchPanicLayer::custom(super::panic_page));
        let response = routes.oneshot(Request::get("/panics").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert!(page.contains("href=\"/\"") && !page.contains("secret"), "{page}");
    }
}
