//! The forms that involve emails: confirming or changing an address, and resetting a password. Links in emails lead to a page
//! with a button, because programs that scan emails open links too.

use leptos::prelude::*;
use reef_service::Services;
use reef_service::accounts::LinkAccess;
use secrecy::ExposeSecret as _;

use crate::device_cookie::{self, client};
use crate::error::AppError;
use crate::flash::{Notice, redirect_with_notice};
use crate::request::client_address;
use crate::secret::Secret;
use crate::server::{authenticate, get_context, redirect_to, run_form};
use crate::session::find_current_caller;

/// Sends the link that confirms the caller's email again.
#[server(prefix = "/_fn", endpoint = "resend_confirmation")]
pub async fn resend_confirmation() -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.resend_confirmation(&caller).await?;
        redirect_with_notice("/settings", Notice::ConfirmationSent).await
    })
    .await
}

/// Sends a link that confirms the caller's new email to that address.
#[server(prefix = "/_fn", endpoint = "change_email")]
pub async fn change_email(
    #[server(default)] email: String,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    run_form(&[("email", &email)], async {
        let (services, caller) = authenticate().await?;
        services.request_email_change(&caller, &email, &password.expose().into(), client(&services)).await?;
        redirect_with_notice("/settings", Notice::EmailChangeSent).await
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
    run_form(&[], async {
        let services: Services = get_context()?;
        let link_alone = password.expose().is_empty() && !asks;
        let (token, password) = (token.expose().into(), password.expose().into());
        let caller = find_current_caller().await?;
        if link_alone
            && services.link_access(&token, false, caller.as_ref()).await? == LinkAccess::PasswordRequired
        {
            let reset = services.confirm_email_by_link_only(&token).await?;
            return redirect_to(&format!("/reset?token={}", reset.expose_secret()));
        }
        services.confirm_email(&token, caller.as_ref(), &password, client(&services)).await?;
        redirect_with_notice("/confirm", Notice::EmailConfirmed).await
    })
    .await
}

/// Gives an account that a stranger created to the owner of its address, with a new password and without anything that the
/// stranger set up.
#[server(prefix = "/_fn", endpoint = "claim_account")]
pub async fn claim_account(
    #[server(default)] token: Secret,
    #[server(default)] new_password: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let services: Services = get_context()?;
        let (token, password) = (token.expose().into(), new_password.expose().into());
        let claimed = services.claim_account(&token, &password, client(&services)).await?;
        device_cookie::set(&services, &claimed.devices)?;
        redirect_with_notice("/signin", Notice::AccountClaimed).await
    })
    .await
}

/// Changes an account's email to the address that the link was sent to.
#[server(prefix = "/_fn", endpoint = "confirm_email_change")]
pub async fn confirm_email_change(
    #[server(default)] token: Secret,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let services: Services = get_context()?;
        let (token, password) = (token.expose().into(), password.expose().into());
        let caller = find_current_caller().await?;
        services.confirm_email_change(&token, caller.as_ref(), &password, client(&services)).await?;
        redirect_with_notice("/confirm-change", Notice::EmailChanged).await
    })
    .await
}

/// Sends a reset link if there is an account with this address. The response is the same if there is none, so that nobody can
/// find out who has an account.
#[server(prefix = "/_fn", endpoint = "forgot_password")]
pub async fn forgot_password(#[server(default)] email: String) -> Result<(), AppError> {
    run_form(&[("email", &email)], async {
        let services: Services = get_context()?;
        services.request_password_reset(&email, client_address()).await?;
        redirect_with_notice("/forgot", Notice::ResetSent).await
    })
    .await
}

/// Replaces the password of the account that a link belongs to. It does not sign in, because that may take a two-factor code.
#[server(prefix = "/_fn", endpoint = "reset_password")]
pub async fn reset_password(
    #[server(default)] token: Secret,
    #[server(default)] password: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let services: Services = get_context()?;
        let (token, password) = (token.expose().into(), password.expose().into());
        let reset = services.reset_password(&token, &password, client(&services)).await?;
        device_cookie::set(&services, &reset.devices)?;
        let notice =
            if reset.revoked_access { Notice::PasswordResetRevokedAccess } else { Notice::PasswordReset };
        redirect_with_notice("/signin", notice).await
    })
    .await
}
