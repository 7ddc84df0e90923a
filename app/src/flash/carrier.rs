//! How a message reaches its page: in the row of the session, or sealed in a cookie.

use axum::http::{HeaderMap, HeaderValue};
use reef_domain::ErrorChain;
use reef_service::{Error, Services};
use secrecy::{ExposeSecret as _, SecretString};
use tower_sessions::Session;
use tower_sessions::cookie::time::Duration;

use super::Message;
use crate::cookies::{StrictCookie, cookie_value};
use crate::session::find_caller;

const COOKIE: StrictCookie = StrictCookie {
    name: "reef-flash",
    https_name: "__Host-reef-flash",
    // As long as the message is valid, which is long enough for a slow page.
    max_age: Duration::seconds(60),
};
/// The cookie's value when the message is in the session's row.
const IN_SESSION: &str = "session";
/// The longest message in a session's row, in bytes. The results of a preflight have the bot's picture.
const ROW_MAX: usize = 256 * 1024;
/// The longest value of the cookie, in bytes. Browsers keep cookies of at most 4096 bytes, with their name.
const COOKIE_MAX: usize = 3800;

/// Stores a message for the page at a path. Returns the `Set-Cookie` header that the response needs.
///
/// # Errors
/// [`Error::Internal`] when the message cannot be stored, or is too long even without what was typed.
pub(crate) async fn store(
    services: &Services,
    session: Option<&Session>,
    page: &str,
    message: Message,
) -> Result<HeaderValue, Error> {
    if let Some(id) = session.and_then(Session::id) {
        let text = message.to_text()?;
        let text = if text.expose_secret().len() > ROW_MAX { shorter(&message)? } else { text };
        match services.set_flash(&id.to_string(), page, &text).await {
            // The session has ended, so the reader is a visitor.
            Err(Error::Unauthorized) => {}
            stored => return stored.and_then(|()| in_session(services)),
        }
    }
    let sealed = services.seal_flash(page, &message.to_text()?)?;
    let sealed =
        if sealed.len() > COOKIE_MAX { services.seal_flash(page, &shorter(&message)?)? } else { sealed };
    if sealed.len() > COOKIE_MAX {
        return Err(Error::internal("the message is too long for a cookie"));
    }
    COOKIE.header(services, sealed)
}

fn shorter(message: &Message) -> Result<SecretString, Error> {
    let text = message.clone().without_values().to_text()?;
    if text.expose_secret().len() > ROW_MAX {
        return Err(Error::internal("the message is too long for a session"));
    }
    Ok(text)
}

/// The `Set-Cookie` header for a message that is in the session's row.
///
/// # Errors
/// [`Error::Internal`] when the cookie cannot be in a header.
pub(super) fn in_session(services: &Services) -> Result<HeaderValue, Error> {
    COOKIE.header(services, IN_SESSION.to_owned())
}

/// The `Set-Cookie` header that removes the cookie, so that the message is not shown again.
///
/// # Errors
/// [`Error::Internal`] when the cookie cannot be in a header.
pub(crate) fn removal(services: &Services) -> Result<HeaderValue, Error> {
    COOKIE.removal(services)
}

/// Finds the message for the page at a path. A failure is only logged, so that no page fails because of it.
pub(crate) async fn find(
    services: &Services,
    session: Option<&Session>,
    headers: &HeaderMap,
    page: &str,
) -> Option<Message> {
    let cookie = cookie_value(headers, COOKIE.name_for(services))?;
    match find_text(services, session, &cookie, page).await {
        Ok(text) => Message::from_text(&text?).map_err(|error| log(&error)).ok(),
        Err(error) => {
            log(&error);
            None
        }
    }
}

async fn find_text(
    services: &Services,
    session: Option<&Session>,
    cookie: &str,
    page: &str,
) -> Result<Option<SecretString>, Error> {
    if cookie == IN_SESSION {
        let Some(id) = session.and_then(Session::id) else { return Ok(None) };
        return services.find_flash(&id.to_string(), page).await;
    }
    // What was sealed for a visitor is not shown to a user, because somebody else may have left it in this browser.
    let is_visitor = match session {
        Some(session) => find_caller(session).await?.is_none(),
        None => true,
    };
    Ok(if is_visitor { services.open_flash(page, cookie) } else { None })
}

fn log(error: &Error) {
    tracing::error!(error = %ErrorChain(error), "flash could not be read");
}

/// The path of a page of this site, without query and fragment.
pub(super) fn page_of(address: &str) -> &str {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    &address[..end]
}

#[cfg(test)]
mod tests {
    use super::page_of;

    #[test]
    fn page_is_address_without_query_and_fragment() {
        for address in ["/reset", "/reset?token=1", "/reset#a", "/reset?token=1#a?b"] {
            assert_eq!(page_of(address), "/reset");
        }
    }
}
