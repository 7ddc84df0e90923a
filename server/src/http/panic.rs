//! A panic is an answer too.

use std::any::Any;

use axum::response::{Html, IntoResponse, Response};
use reef_domain::ErrorCode;

use crate::api::ApiError;

fn log(panic: &(dyn Any + Send)) {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("no message"), "request panicked");
}

/// In the API: 500 `INTERNAL_ERROR`.
#[expect(clippy::needless_pass_by_value, reason = "the signature the layer asks for")]
pub fn in_api(panic: Box<dyn Any + Send>) -> Response {
    log(&*panic);
    ApiError::plain(ErrorCode::InternalError, "Unexpected server error").into_response()
}

/// On the site: a page with a way back.
#[expect(clippy::needless_pass_by_value, reason = "the signature the layer asks for")]
pub fn on_site(panic: Box<dyn Any + Send>) -> Response {
    log(&*panic);
    let page = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Something went wrong · Reef</title></head>\
                <body><h1>Something went wrong</h1><p>It is our fault, and it has been noted. \
                <a href=\"/\">Back to Reef</a></p></body></html>";
    (axum::http::StatusCode::INTERNAL_SERVER_ERROR, Html(page)).into_response()
}
