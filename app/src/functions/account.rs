//! The forms that sign up, in and out, and the data of the header.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_service::{Services, accounts};

use crate::device_cookie::{client, remember};
use crate::error::AppError;
use crate::request::{client_address, user_agent};
use crate::secret::Secret;
use crate::server::{SiteInfo, get_context, local_path_or_list, redirect_to, run_form};
use crate::session::{
    current_session, find_current_caller, get_pending_sign_in, save_pending_sign_in, sign_in_session,
    sign_out_session,
};

/// The data of the header of every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderData {
    /// Whether the outside world is the sandbox.
    pub sandbox: bool,
    /// Whether visitors may create accounts.
    pub signups_open: bool,
    /// The email of the account that is signed in.
    pub email: Option<String>,
    /// Whether that email is unconfirmed although Reef can send a confirmation.
    pub is_unconfirmed: bool,
}

/// Loads the data of the header.
///
/// # Errors
/// [`AppError`] when the session or the account cannot be read.
pub async fn header_data() -> Result<HeaderData, AppError> {
    let services: Services = get_context()?;
    let account = match find_current_caller().await? {
        Some(caller) => services.find_account(caller.user_id).await?,
        None => None,
    };
    let SiteInfo { sandbox, .. } = get_context()?;
    let signups_open = services.config().signups_open;
    let is_to_confirm =
        services.is_mail_enabled() && account.as_ref().is_some_and(|account| !account.email_confirmed);
    Ok(HeaderData {
        sandbox,
        signups_open,
        email: account.map(|account| account.email),
        is_unconfirmed: is_to_confirm,
    })
}

/// Creates an account and signs in.
#[server(prefix = "/_fn", endpoint = "sign_up")]
pub async fn sign_up(
    email: String,
    password: Secret,
    #[server(default)] next: String,
) -> Result<(), AppError> {
    run_form(&[("email", &email)], async {
        let services: Services = get_context()?;
        let account = services.sign_up(&email, &password.expose().into(), client_address()).await?;
        complete_sign_in(&services, &account, &next).await
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
    run_form(&[("email", &email)], async {
        let services: Services = get_context()?;
        match services.sign_in_with_password(&email, &password.expose().into(), client(&services)).await? {
            accounts::SignIn::SignedIn(account) => complete_sign_in(&services, &account, &next).await,
            accounts::SignIn::NeedsCode(pending) => {
                save_pending_sign_in(&current_session().await?, &pending).await?;
                redirect_to(&code_page(&next))
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
    run_form(&[], async {
        let services: Services = get_context()?;
        let pending = get_pending_sign_in(&current_session().await?).await?;
        let account = services.sign_in_with_code(&pending, &code.expose().into(), client(&services)).await?;
        complete_sign_in(&services, &account, &next).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), AppError> {
    run_form(&[], async {
        sign_out_session(&current_session().await?).await?;
        redirect_to("/")
    })
    .await
}

/// Signs this browser in and opens the page that was asked for.
async fn complete_sign_in(
    services: &Services,
    account: &accounts::Account,
    next: &str,
) -> Result<(), AppError> {
    sign_in_session(services, &current_session().await?, account, client_address(), &user_agent()).await?;
    remember(services, account)?;
    redirect_to(local_path_or_list(next))
}

/// The address of the page for the two-factor code, which leads on to `next`.
fn code_page(next: &str) -> String {
    if next.is_empty() {
        return "/signin/code".to_owned();
    }
    format!("/signin/code?next={}", Url::escape(local_path_or_list(next)))
}
