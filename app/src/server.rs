//! What server functions and pages need on the server: the request's context, answers, redirects.

use axum::extract::Request;
use axum::http::header::{ACCEPT, LOCATION, REFERER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use reef_domain::ErrorCode;
use reef_service::{Caller, Error, Services};
use url::Url;

use crate::error::AppError;
use crate::session::current_caller;

/// The longest value that is given back to a form, in characters: a callback URL fits.
const KEPT_MAX: usize = 2100;

/// What the server tells every page of itself; given with `provide_context`, for pages and for server functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Whether the outside world is the sandbox: every page says so then.
    pub sandbox: bool,
}

/// Something that the server provides to every request.
pub(crate) fn provided<T: Clone + 'static>() -> Result<T, AppError> {
    let missing = || Error::internal(format!("no {} in the context", std::any::type_name::<T>()));
    use_context::<T>().ok_or_else(|| missing().into())
}

/// The service layer, and who is signed in.
pub(crate) async fn signed_in() -> Result<(Services, Caller), AppError> {
    let caller = current_caller().await?.ok_or(Error::Unauthorized)?;
    Ok((provided()?, caller))
}

/// Does a form's work. On an error the form gets back what was typed into its fields `kept`, and a script the HTTP
/// status.
pub(crate) async fn answer<T>(
    kept: &[(&str, &str)],
    work: impl Future<Output = Result<T, AppError>>,
) -> Result<T, AppError> {
    work.await.map_err(|mut error| {
        set_status(error.code);
        let keep = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), value.chars().take(KEPT_MAX).collect::<String>())
        };
        error.values = kept.iter().map(keep).collect();
        error
    })
}

/// Gives the answer the status of an error, unless a browser's plain form is waiting for it: that is sent back to its
/// page, and would show the bare error with any other status.
pub(crate) fn set_status(code: ErrorCode) {
    if let (Some(options), Ok(status)) =
        (use_context::<ResponseOptions>(), StatusCode::from_u16(code.http_status()))
        && !accepts_html()
    {
        options.set_status(status);
    }
}

/// Whether the request came from a browser's own navigation, not from a script.
pub(crate) fn accepts_html() -> bool {
    use_context::<Parts>()
        .and_then(|parts| Some(parts.headers.get(ACCEPT)?.to_str().ok()?.contains("text/html")))
        .unwrap_or(false)
}

/// Sends whoever posted a form on to another page.
pub(crate) fn go(to: &str) -> Result<(), AppError> {
    HeaderValue::from_str(to).map_err(Error::internal)?;
    leptos_axum::redirect(to);
    Ok(())
}

/// Answers a page's request with a redirect, whatever it accepts.
pub(crate) fn redirect_page(to: &str) {
    if let (Some(options), Ok(location)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(to)) {
        options.insert_header(LOCATION, location);
        options.set_status(StatusCode::FOUND);
    }
}

/// A path on this site that may be gone to after signing in; anything else leads to the list.
pub(crate) fn local_path(next: &str) -> &str {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/\\");
    if local && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/assistants" }
}

/// A layer for the server functions' routes: takes the error of the last try out of the `Referer`.
///
/// A form without JavaScript is sent back to its page with the error in the query. Leptos appends it to whatever the
/// query says already, so that each failed try would make the address longer.
pub async fn without_old_errors(mut request: Request, next: Next) -> Response {
    if let Some(clean) = request.headers().get(REFERER).and_then(clean_referer) {
        request.headers_mut().insert(REFERER, clean);
    }
    next.run(request).await
}

/// The same address without an error in its query; `None` when there is none in it.
fn clean_referer(referer: &HeaderValue) -> Option<HeaderValue> {
    const ERROR: [&str; 2] = ["__path", "__err"];
    let mut url = Url::parse(referer.to_str().ok()?).ok()?;
    let (old, rest): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| ERROR.contains(&name.as_str()));
    if old.is_empty() {
        return None;
    }
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    HeaderValue::from_str(url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_gone_to() {
        for good in ["/assistants", "/assistants/1?checkout_id=2", "/"] {
            assert_eq!(local_path(good), good);
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", "/\t/x", "/ä"]
        {
            assert_eq!(local_path(bad), "/assistants", "{bad:?}");
        }
    }

    #[test]
    fn the_last_error_is_taken_out() {
        let clean = |text: &'static str| {
            clean_referer(&HeaderValue::from_static(text)).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            clean("http://a/b?__path=%2F_fn%2Fx&next=%2Fc&__err=eyJ9").as_deref(),
            Some("http://a/b?next=%2Fc")
        );
        assert_eq!(clean("http://a/b?__path=x&__err=y").as_deref(), Some("http://a/b"));
        assert_eq!(clean("http://a/b?next=%2Fc"), None);
        assert_eq!(clean("nonsense"), None);
    }
}
