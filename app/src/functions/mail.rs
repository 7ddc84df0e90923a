//! The forms around emails: an address that is confirmed or changed, and a password that is reset. Links in emails lead to a page
//! with a button, because programs that scan emails open links too.

use leptos::prelude::*;
use reef_service::Services;
use reef_service::accounts::LinkReader;
use secrecy::ExposeSecret as _;

use crate::device::{self, client};
use crate::error::AppError;
use crate::secret::Secret;
use crate::server::{answer, client_address, go, provided, signed_in};
use crate::session::current_caller;

/// Sends the link that confirms the caller's email again.
#[server(prefix = "/_fn", endpoint = "resend_confirmation")]
pub async fn resend_confirmation() -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.resend_confirmation(&caller).await?;
        go("/settings?done=link_sent")
    })
    .await
}

/// Sends a link that confirms the caller's new email to that address.
#[server(prefix = "/_fn", endpoint = "change_email")]
pub async fn change_email(
    #[server(default)] email: String,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let (services, caller) = signed_in().await?;
        services.request_email_change(&caller, &email, &password.expose().into(), client(&services)).await?;
        go("/settings?done=change_sent")
    })
    .await
}

/// Confirms the email that the link was sent to. A browser that is not signed in to the account has to give its password. Reef's page
/// says with `asks` that it can show the field. A client that posts the token alone has proven only that it reads the emails, so the
/// account is confirmed, and the person who created it loses access.
#[server(prefix = "/_fn", endpoint = "confirm_email")]
pub async fn confirm_email(
    #[server(default)] token: Secret,
    #[server(default)] password: Secret,
    #[server(default)] asks: bool,
) -> Result<(), AppError> {
    answer(&[], async {
        let services: Services = provided()?;
        let link_alone = password.expose().is_empty() && !asks;
        let (token, password) = (token.expose().into(), password.expose().into());
        let caller = current_caller().await?;
        if link_alone && services.link_reader(&token, false, caller.as_ref()).await? == LinkReader::Elsewhere
        {
            let reset = services.confirm_with_link_alone(&token).await?;
            return go(&format!("/reset?token={}", reset.expose_secret()));
        }
        services.confirm_email(&token, caller.as_ref(), &password, client(&services)).await?;
        go("/confirm?done=email_confirmed")
    })
    .await
}

/// Gives an account that a stranger has created to the owner of its address: with a new password, and without what the stranger has
/// set up.
#[server(prefix = "/_fn", endpoint = "claim_account")]
pub async fn claim_account(
    #[server(default)] token: Secret,
    #[server(default)] new_password: Secret,
) -> Result<(), AppError> {
    answer(&[], async {
        let services: Services = provided()?;
        let (token, password) = (token.expose().into(), new_password.expose().into());
        let claimed = services.claim_account(&token, &password, client(&services)).await?;
        device::set(&services, &claimed.devices)?;
        go("/signin?done=account_claimed")
    })
    .await
}

/// Changes an account's email to the address that the link was sent to.
#[server(prefix = "/_fn", endpoint = "confirm_email_change")]
pub async fn confirm_email_change(
    #[server(default)] token: Secret,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    answer(&[], async {
        let services: Services = provided()?;
        let (token, password) = (token.expose().into(), password.expose().into());
        let caller = current_caller().await?;
        services.confirm_email_change(&token, caller.as_ref(), &password, client(&services)).await?;
        go("/confirm-change?done=email_changed")
    })
    .await
}

/// Sends a reset link if there is an account with this address. The answer is the same if there is none, so that nobody can find out
/// who has an account.
#[server(prefix = "/_fn", endpoint = "forgot_password")]
pub async fn forgot_password(#[server(default)] email: String) -> Result<(), AppError> {
    answer(&[("email", &email)], async {
        let services: Services = provided()?;
        services.request_password_reset(&email, client_address()).await?;
        go("/forgot?done=reset_sent")
    })
    .await
}

/// Replaces the password of the account that a link belongs to. It does not sign in, because that may take a two-factor code.
#[server(prefix = "/_fn", endpoint = "reset_password")]
pub async fn reset_password(
    #[server(default)] token: Secret,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    answer(&[], async {
        let services: Services = provided()?;
        let (token, password) = (token.expose().into(), password.expose().into());
        let reset = services.reset_password(&token, &password, client(&services)).await?;
        device::set(&services, &reset.devices)?;
        go(if reset.began_anew { "/signin?done=password_reset_anew" } else { "/signin?done=password_reset" })
    })
    .await
}
