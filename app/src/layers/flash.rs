//! Hands the message of a form to the page that it leads to (`crate::flash`), and takes the error of a rejected form out of the URL
//! in which Leptos sends it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use reef_domain::ErrorChain;
use reef_service::{Error, Services};
use server_fn::error::ServerFnUrlError;
use tower_sessions::Session;
use url::Url;
use url::form_urlencoded::{Serializer, parse};

use crate::error::AppError;
use crate::flash::{self, Message};

/// Leptos' query parameter with the path of the server function that failed.
const PATH: &str = "__path";
/// Leptos' query parameter with the error.
const ERROR: &str = "__err";

/// Finds the message for the requested page, and stores the error of a rejected form for the page that the form is on.
pub(crate) async fn carry(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    let shown = if is_page_view(&request) {
        flash::find(&services, session.as_ref(), request.headers(), request.uri().path()).await
    } else {
        None
    };
    let has_message = shown.is_some();
    if let Some(message) = shown {
        request.extensions_mut().insert(Arc::new(message));
    }
    let mut response = next.run(request).await;
    let cookie = match take_form_error(response.headers_mut()) {
        Some((page, error)) => Some(flash::store(&services, session.as_ref(), &page, error).await),
        None if has_message && was_shown(response.status()) => Some(flash::removal(&services)),
        None => None,
    };
    set_cookie(&mut response, cookie);
    response
}

/// Whether a browser opens a page. Scripts that load a page in the background, and browsers that load it in advance, must not use up
/// the message.
fn is_page_view(request: &Request) -> bool {
    let header = |name| request.headers().get(name).map(HeaderValue::as_bytes);
    request.method() == Method::GET
        && header("sec-fetch-dest").is_none_or(|kind| kind == b"document")
        && header("sec-purpose").is_none()
}

/// Whether a response with this status is the page with the message. One that redirects or has failed is not.
fn was_shown(status: StatusCode) -> bool {
    !status.is_redirection() && !status.is_server_error()
}

fn set_cookie(response: &mut Response, cookie: Option<Result<HeaderValue, Error>>) {
    match cookie {
        Some(Ok(cookie)) => drop(response.headers_mut().append(SET_COOKIE, cookie)),
        Some(Err(error)) => tracing::error!(error = %ErrorChain(&error), "flash could not be stored"),
        None => {}
    }
}

/// Takes the error out of the address that a rejected form is redirected to. Returns the path of its page, and the error.
fn take_form_error(headers: &mut HeaderMap) -> Option<(String, Message)> {
    let mut location = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let query = location.query()?.to_owned();
    let value = |wanted: &str| {
        let pairs = parse(query.as_bytes()).filter(|(name, _)| name == wanted);
        pairs.last().map(|(_, value)| value.into_owned())
    };
    let details = value(ERROR)?;
    let path = value(PATH).unwrap_or_default();
    let rest = parse(query.as_bytes()).filter(|(name, _)| name != PATH && name != ERROR);
    let rest = Serializer::new(String::new()).extend_pairs(rest).finish();
    location.set_query((!rest.is_empty()).then_some(&rest));
    headers.insert(LOCATION, HeaderValue::from_str(location.as_str()).ok()?);
    let error: AppError = ServerFnUrlError::decode_err(&details);
    Some((location.path().to_owned(), Message::FormError { path, error }))
}

#[cfg(test)]
mod tests {
    use reef_domain::ErrorCode;

    use super::*;

    fn headers(location: &str) -> HeaderMap {
        HeaderMap::from_iter([(LOCATION, location.parse().unwrap())])
    }

    #[test]
    fn error_is_taken_out_of_the_address() {
        let error = AppError::new(ErrorCode::InvalidRequest, "No.");
        for (from, cleaned) in [
            ("http://a/signin?next=%2Fkeys", "http://a/signin?next=%2Fkeys"),
            ("http://a/signin?__path=x&__err=y", "http://a/signin"),
            ("http://a/signin", "http://a/signin"),
        ] {
            let address = ServerFnUrlError::new("/_fn/sign_in", error.clone()).to_url(from).unwrap();
            let mut headers = headers(address.as_str());
            let (page, message) = take_form_error(&mut headers).expect("an error");
            assert_eq!((page.as_str(), headers[LOCATION].to_str().unwrap()), ("/signin", cleaned));
            assert_eq!(message, Message::FormError { path: "/_fn/sign_in".to_owned(), error: error.clone() });
        }
    }

    #[test]
    fn address_without_error_is_left_alone() {
        for location in ["/keys", "http://a/keys?next=%2F", "/signin?__err=x"] {
            let mut headers = headers(location);
            assert!(take_form_error(&mut headers).is_none());
            assert_eq!(headers[LOCATION], location);
        }
    }

    #[test]
    fn only_navigations_use_up_the_message() {
        let view = |method: &str, pairs: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri("/keys");
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            is_page_view(&request.body(axum::body::Body::empty()).unwrap())
        };
        assert!(view("GET", &[]) && view("GET", &[("sec-fetch-dest", "document")]));
        assert!(!view("POST", &[]) && !view("GET", &[("sec-fetch-dest", "empty")]));
        assert!(!view("GET", &[("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")]));
    }
}
