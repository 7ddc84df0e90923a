//! What server functions and pages share: what the server provides, the caller, forms and redirects.

use axum::http::HeaderValue;
use leptos::prelude::use_context;
use reef_service::forms::flash::session_row_id;
use reef_service::{Caller, Error, Services};

use crate::device_cookie::client;
use crate::error::AppError;
use crate::request::set_status;
use crate::secret::Secret;
use crate::session::{
    current_session, current_session_id, find_caller_with_password_proof, record_password_proof,
};

/// The longest value that is given back to a form, in characters. The instructions of an assistant have at most 8,000.
const VALUE_CHARS_MAX: usize = 10_000;

/// What pages need to know about the server. The server provides it as context to every page and server function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Whether the outside world is the sandbox. Every page then has a banner.
    pub sandbox: bool,
    /// Whether the bots live in that sandbox. An assistant's page then shows the chat with its bot.
    pub sandbox_bots: bool,
}

/// Gets a value that the server provides as context to every request.
pub(crate) fn get_context<T: Clone + 'static>() -> Result<T, AppError> {
    let missing = || Error::internal(format!("the context has no {}", std::any::type_name::<T>()));
    use_context::<T>().ok_or_else(|| missing().into())
}

/// Gets the services and the caller who is signed in.
pub(crate) async fn authenticate() -> Result<(Services, Caller), AppError> {
    let services: Services = get_context()?;
    let caller = find_caller_with_password_proof(&services, &current_session().await?)
        .await?
        .ok_or(Error::Unauthorized)?;
    Ok((services, caller))
}

/// As [`authenticate`], for actions that could take the account away from its owner: they need the password, unless it was
/// verified in this session within the last ten minutes. A given password is always verified.
pub(crate) async fn authenticate_with_password(password: &Secret) -> Result<(Services, Caller), AppError> {
    let (services, caller) = authenticate().await?;
    if caller.has_proven_password() && password.expose().is_empty() {
        return Ok((services, caller));
    }
    let caller = services.reauthenticate(&caller, &password.expose().into(), client(&services)).await?;
    if let Some(stamp) = caller.password_stamp() {
        record_password_proof(&services, &current_session().await?, stamp).await?;
    }
    Ok((services, caller))
}

/// Whether visitors may create accounts.
pub(crate) fn are_signups_open() -> bool {
    get_context().is_ok_and(|services: Services| services.config().signups_open)
}

/// Gets the id of the row of this request's session, which is kept when all other sessions are revoked.
pub(crate) async fn current_session_row_id() -> Result<String, AppError> {
    Ok(session_row_id(&current_session_id().await?))
}

/// Runs a form's work. On an error the response has the error's HTTP status for scripts, and the fields in `values`, so that the
/// form can be rendered with what was typed.
pub(crate) async fn run_form<T>(
    values: &[(&str, &str)],
    work: impl Future<Output = Result<T, AppError>>,
) -> Result<T, AppError> {
    work.await.map_err(|mut error| {
        set_status(error.code);
        let truncated = |(name, value): &(&str, &str)| {
            ((*name).to_owned(), value.chars().take(VALUE_CHARS_MAX).collect::<String>())
        };
        error.values = values.iter().map(truncated).collect();
        error
    })
}

/// Redirects the sender of a form to another page, without a message (`crate::flash`).
pub(crate) fn redirect_to(to: &str) -> Result<(), AppError> {
    HeaderValue::from_str(to).map_err(Error::internal)?;
    leptos_axum::redirect(to);
    Ok(())
}

/// The path to open after signing in. Anything but a path on this site becomes the list of assistants, so that no link can use the
/// sign-in page to lead elsewhere.
pub(crate) fn local_path_or_list(next: &str) -> &str {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/\\");
    if local && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/assistants" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_another_site_becomes_the_list() {
        for good in ["/assistants", "/assistants/1?checkout_id=2", "/"] {
            assert_eq!(local_path_or_list(good), good);
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\nb", "/\t/x", "/ä"]
        {
            assert_eq!(local_path_or_list(bad), "/assistants", "{bad:?}");
        }
    }
}
