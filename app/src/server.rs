//! What server functions and pages need on the server: the request's context, answers, redirects.

use axum::http::header::{ACCEPT, LOCATION, REFERER, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use leptos::prelude::use_context;
use leptos_axum::{ResponseOptions, extract};
use reef_domain::ErrorCode;
use reef_service::flash::session_row;
use reef_service::{Caller, ClientAddress, Error, Services};
use secrecy::{ExposeSecret as _, SecretString};
use server_fn::error::ServerFnUrlError;
use tower_sessions::Session;
use url::Url;

use crate::device::client;
use crate::error::AppError;
use crate::form_address;
use crate::secret::Secret;
use crate::session::{caller_now, note_password, session};

/// The longest value that is given back to a form, in characters: a callback URL fits.
const KEPT_MAX: usize = 2100;

/// What the server tells every page of itself; given with `provide_context`, for pages and for server functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Whether the outside world is the sandbox: every page says so then.
    pub sandbox: bool,
    /// Whether the bots live in that sandbox: an assistant's page shows the chat with its bot then.
    pub sandbox_bots: bool,
}

/// Something that the server provides to every request.
pub(crate) fn provided<T: Clone + 'static>() -> Result<T, AppError> {
    let missing = || Error::internal(format!("no {} in the context", std::any::type_name::<T>()));
    use_context::<T>().ok_or_else(|| missing().into())
}

/// The service layer, and who is signed in.
pub(crate) async fn signed_in() -> Result<(Services, Caller), AppError> {
    let services: Services = provided()?;
    let caller = caller_now(&services, &session().await?).await?.ok_or(Error::Unauthorized)?;
    Ok((services, caller))
}

/// As [`signed_in`], for what could take the account away from its owner: `password` has to be given, unless it was in this
/// session within ten minutes. One that is given is looked at in any case.
pub(crate) async fn signed_in_with(password: &Secret) -> Result<(Services, Caller), AppError> {
    let (services, caller) = signed_in().await?;
    if caller.has_given_password() && password.expose().is_empty() {
        return Ok((services, caller));
    }
    let caller = services.give_password(&caller, &password.expose().into(), client(&services)).await?;
    if let Some(stamp) = caller.password_stamp() {
        note_password(&services, &session().await?, stamp).await?;
    }
    Ok((services, caller))
}

/// Whether anybody may open an account.
pub(crate) fn are_signups_open() -> bool {
    provided().is_ok_and(|services: Services| services.config().signups_open)
}

/// Keeps something secret for the page that a form leads to, with the session, under a name.
pub(crate) async fn keep_flash(services: &Services, name: &str, text: &SecretString) -> Result<(), Error> {
    services.keep_flash(&own_session_id().await?, name, text).await
}

/// Does what makes a secret, once for its form (`Services::once_per_form`), and keeps that for the page that the form leads
/// to, by this name. The work goes on when the browser has gone.
pub(crate) async fn keep_once(
    (services, caller): (&Services, &Caller),
    (token, content): (&str, &str),
    name: &'static str,
    work: impl Future<Output = Result<SecretString, Error>> + Send + 'static,
) -> Result<(), AppError> {
    let (keeper, session) = (services.clone(), own_session_id().await?);
    let kept = async move { keeper.keep_flash(&session, name, &work.await?).await };
    services.once_per_form(caller, token, content, kept).await?;
    Ok(())
}

/// The id of this request's session, which what a form leaves for the next page is kept with.
pub(crate) async fn own_session_id() -> Result<String, Error> {
    let session = extract::<Session>().await.map_err(Error::internal)?;
    Ok(session.id().ok_or(Error::Unauthorized)?.to_string())
}

/// What a form has kept for this page under that name, for a minute.
pub(crate) async fn flash(services: &Services, name: &str) -> Result<Option<Secret>, AppError> {
    let Some(id) = session().await?.id() else { return Ok(None) };
    let kept = services.flash(&id.to_string(), name).await?;
    Ok(kept.map(|text| text.expose_secret().to_owned().into()))
}

/// From where the request comes.
pub(crate) fn client_address() -> ClientAddress {
    let known = use_context::<Parts>().and_then(|parts| parts.extensions.get().copied());
    known.unwrap_or(ClientAddress::UNKNOWN)
}

/// What the browser says of itself; empty when it says nothing.
pub(crate) fn client_agent() -> String {
    let known = use_context::<Parts>().and_then(|parts| {
        Some(String::from_utf8_lossy(parts.headers.get(USER_AGENT)?.as_bytes()).into_owned())
    });
    known.unwrap_or_default()
}

/// What the session of this request is kept under: it is not to end with the others.
pub(crate) async fn own_session_row() -> Result<String, AppError> {
    Ok(session_row(&own_session_id().await?))
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
        // Without a page it came from, Leptos' own answer stands.
        let _ = back_with(&error);
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

/// Where a plain form's error is shown: on the page it was sent from, with the error in the query.
///
/// Leptos does the same, but appends to whatever the query says already, so that each failed try would make the address
/// longer.
fn back_with(error: &AppError) -> Option<()> {
    let parts = use_context::<Parts>()?;
    let path = parts.uri.path();
    if !path.starts_with("/_fn/") || !accepts_html() {
        return None;
    }
    let from = without_error(parts.headers.get(REFERER)?.to_str().ok()?)?;
    let to = ServerFnUrlError::new(path, error.clone()).to_url(from.as_str()).ok()?;
    let location = HeaderValue::from_str(to.as_str()).ok()?;
    use_context::<ResponseOptions>()?.insert_header(LOCATION, location);
    Some(())
}

/// The same address without the error of an earlier try in its query.
fn without_error(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    let query = form_address::without_error(url.query().unwrap_or_default());
    url.set_query(query.as_deref());
    Some(url)
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
        let clean = |text| without_error(text).map(String::from);
        assert_eq!(
            clean("http://a/b?__path=%2F_fn%2Fx&next=%2Fc&__err=eyJ9&__mark=0").as_deref(),
            Some("http://a/b?next=%2Fc")
        );
        assert_eq!(clean("http://a/b?__path=x&__err=y").as_deref(), Some("http://a/b"));
        assert_eq!(clean("http://a/b?next=%2Fc").as_deref(), Some("http://a/b?next=%2Fc"));
        assert_eq!(clean("nonsense"), None);
    }
}
