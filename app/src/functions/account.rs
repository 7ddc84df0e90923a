//! The forms that sign up, in and out, and the data around every page.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_service::{Services, accounts};

use crate::device::{client, remember};
use crate::error::AppError;
use crate::secret::Secret;
use crate::server::{SiteInfo, answer, client_address, client_agent, go, local_path, provided};
use crate::session::{
    await_code, current_caller, pending_sign_in, session, sign_in_session, sign_out_session,
};

/// The data of the header of every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether the outside world is the sandbox.
    pub sandbox: bool,
    /// Whether strangers may create accounts.
    pub signups_open: bool,
    /// The email of the account that is signed in.
    pub email: Option<String>,
    /// Whether that email is not confirmed, though it could be.
    pub is_to_confirm: bool,
}

/// Loads the data of the header.
///
/// # Errors
/// [`AppError`] when the session or the account cannot be read.
pub async fn frame() -> Result<Frame, AppError> {
    let services: Services = provided()?;
    let account = match current_caller().await? {
        Some(caller) => services.account(caller.user_id).await?,
        None => None,
    };
    let SiteInfo { sandbox, .. } = provided()?;
    let signups_open = services.config().signups_open;
    let is_to_confirm =
        services.mail_is_on() && account.as_ref().is_some_and(|account| !account.email_confirmed);
    Ok(Frame { sandbox, signups_open, email: account.map(|account| account.email), is_to_confirm })
}

/// Creates an account and signs in.
#[server(prefix = "/_fn", endpoint = "sign_up")]
pub async fn sign_up(
    email: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let services: Services = provided()?;
        let account = services.sign_up(&email, &password.expose().into(), client_address()).await?;
        enter(&services, &account, &next).await
    })
    .await
}

/// Signs in, or leads to the page for the two-factor code.
#[server(prefix = "/_fn", endpoint = "sign_in")]
pub async fn sign_in(
    email: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let services: Services = provided()?;
        match services.sign_in_first(&email, &password.expose().into(), client(&services)).await? {
            accounts::SignIn::Done(account) => enter(&services, &account, &next).await,
            accounts::SignIn::NeedsCode(pending) => {
                await_code(&session().await?, &pending).await?;
                go(&code_page(&next))
            }
        }
    })
    .await
}

/// Completes a sign-in with a two-factor code.
#[server(prefix = "/_fn", endpoint = "sign_in_code")]
pub async fn sign_in_code(
    #[server(default)] code: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    answer(&[], async {
        let services: Services = provided()?;
        let pending = pending_sign_in(&session().await?).await?;
        let account = services.sign_in_second(&pending, &code.expose().into(), client(&services)).await?;
        enter(&services, &account, &next).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), AppError> {
    answer(&[], async {
        sign_out_session(&session().await?).await?;
        go("/")
    })
    .await
}

/// Signs this browser in and opens the page that was asked for.
async fn enter(services: &Services, account: &accounts::Account, next: &str) -> Result<(), AppError> {
    sign_in_session(services, &session().await?, account, client_address(), &client_agent()).await?;
    remember(services, account)?;
    go(local_path(next))
}

/// The address of the page for the two-factor code, which leads on to `next`.
fn code_page(next: &str) -> String {
    if next.is_empty() {
        return "/signin/code".to_owned();
    }
    format!("/signin/code?next={}", Url::escape(local_path(next)))
}
