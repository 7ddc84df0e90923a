//! The request that is being served, and the status and headers of its response.

use axum::http::header::{ACCEPT, LOCATION, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use reef_domain::ErrorCode;
use reef_service::ClientAddress;
use url::form_urlencoded;

use crate::http_status::status_of;

/// The path of the request; `/` once the request is gone.
///
/// Read from the request and not from the router, whose hooks panic when a page is left while it is rendered.
pub(crate) fn request_path() -> String {
    use_context::<Parts>().map_or_else(|| "/".to_owned(), |parts| parts.uri.path().to_owned())
}

/// The last value of a name in the request's query, decoded.
pub(crate) fn query_value(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    let pairs = form_urlencoded::parse(parts.uri.query()?.as_bytes());
    pairs.filter(|(found, _)| found == name).last().map(|(_, value)| value.into_owned())
}

/// The headers of the request; none once the request is gone.
pub(crate) fn request_headers() -> HeaderMap {
    use_context::<Parts>().map(|parts| parts.headers).unwrap_or_default()
}

/// The address that the request comes from.
pub(crate) fn client_address() -> ClientAddress {
    let known = use_context::<Parts>().and_then(|parts| parts.extensions.get().copied());
    known.unwrap_or(ClientAddress::UNKNOWN)
}

/// The browser's `User-Agent`; empty when it sends none.
pub(crate) fn user_agent() -> String {
    let known = use_context::<Parts>().and_then(|parts| {
        Some(String::from_utf8_lossy(parts.headers.get(USER_AGENT)?.as_bytes()).into_owned())
    });
    known.unwrap_or_default()
}

/// Whether the request is a navigation of the browser and not a script's.
pub(crate) fn accepts_html() -> bool {
    use_context::<Parts>()
        .and_then(|parts| Some(parts.headers.get(ACCEPT)?.to_str().ok()?.contains("text/html")))
        .unwrap_or(false)
}

/// Sets the status of an error, unless a browser's plain form waits for the response: the form is redirected back to its page,
/// and browsers follow a redirect only with a redirect status.
pub(crate) fn set_status(code: ErrorCode) {
    if let Some(options) = use_context::<ResponseOptions>()
        && !accepts_html()
    {
        options.set_status(status_of(code));
    }
}

/// Responds to the request of a page with a redirect.
pub(crate) fn redirect_page(to: &str) {
    if let (Some(options), Ok(location)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(to)) {
        options.insert_header(LOCATION, location);
        options.set_status(StatusCode::FOUND);
    }
}
