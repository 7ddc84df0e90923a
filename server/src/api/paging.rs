//! The pages of lists: their size, and the link to the next one.

use std::fmt::Display;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use reef_domain::input::Parsed;
use reef_domain::query::{self, Page};
use reef_service::Services;

use crate::api_error::ApiError;

/// The maximum number of entries in a page, as the link to the next page repeats it.
pub(super) fn limit_of<C>(page: &Parsed<Option<Page<C>>>) -> i64 {
    page.as_ref().ok().and_then(Option::as_ref).map_or(query::LIMIT_DEFAULT, |page| page.limit)
}

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
