//! The link to the next page of a list.

use std::fmt::Display;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use reef_service::Services;

use crate::api_error::ApiError;

/// Adds a `Link` header with the URL of the next page to a response, if there is one. The link is absolute, so that a client can
/// request it unchanged.
pub(super) fn with_next_link(
    mut response: Response,
    services: &Services,
    path: &str,
    limit: i64,
    next: Option<impl Display>,
) -> Result<Response, ApiError> {
    if let Some(cursor) = next {
        let list = format!("{}{path}", services.config().public_url);
        let link = format!("<{list}?limit={limit}&cursor={cursor}>; rel=\"next\"");
        let link = HeaderValue::from_str(&link).map_err(reef_service::Error::internal)?;
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
