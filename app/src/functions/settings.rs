//! The forms of the settings: password, two-factor, sessions, and deleting the account.

use leptos::prelude::*;
use reef_domain::ErrorCode;
use reef_service::accounts::AccountDeletion;
use secrecy::{ExposeSecret, SecretString};

use crate::device_cookie::{self, client};
use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with_notice, redirect_with_secret_once};
use crate::secret::Secret;
use crate::server::{
    authenticate, authenticate_with_password, current_session_row_id, redirect_to, run_form,
};
use crate::session::{current_session, record_password_proof, sign_out_session};

/// Replaces the password and revokes all other sessions. `current_password` is what earlier versions called the field `password`;
/// their forms may still be open in browsers.
#[server(prefix = "/_fn", endpoint = "change_password")]
pub async fn change_password(
    #[server(default)] password: Secret,
    #[server(default)] current_password: Secret,
    #[server(default)] new_password: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let given = if password.expose().is_empty() { current_password } else { password };
        let (services, caller) = authenticate_with_password(&given).await?;
        let (here, new) = (current_session_row_id().await?, new_password.expose().into());
        let changed = services.change_password(&caller, &here, &new, client(&services)).await?;
        device_cookie::set(&services, &changed.devices)?;
        // The new password was just typed, so it counts as verified.
        if let Some(stamp) = changed.caller.password_stamp() {
            record_password_proof(&services, &current_session().await?, stamp).await?;
        }
        redirect_with_notice("/settings", Notice::PasswordChanged).await
    })
    .await
}

/// Creates a secret for an authenticator app, which a code has to confirm.
#[server(prefix = "/_fn", endpoint = "create_totp")]
pub async fn create_totp(#[server(default)] password: Secret) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate_with_password(&password).await?;
        services.create_totp_secret(&caller).await?;
        redirect_to("/settings#two-factor")
    })
    .await
}

/// Turns two-factor on, once for each form. Only the page that follows shows the recovery codes.
#[server(prefix = "/_fn", endpoint = "confirm_totp")]
pub async fn confirm_totp(
    #[server(default)] code: Secret,
    #[server(default)] password: Secret,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate_with_password(&password).await?;
        let (creator, from) = (services.clone(), client(&services));
        let codes =
            async move { Ok(lines(&creator.confirm_totp(&caller, &code.expose().into(), from).await?)) };
        let message = |codes| Message::RecoveryCodes { notice: Notice::TwoFactorOn, codes };
        let form = (&*token, "confirm totp");
        redirect_with_secret_once("/settings", (&services, &caller), form, message, codes).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "disable_totp")]
pub async fn disable_totp(
    #[server(default)] password: Secret,
    #[server(default)] code: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let (password, code) = (password.expose().into(), code.expose().into());
        services.disable_totp(&caller, &password, &code, client(&services)).await?;
        redirect_with_notice("/settings", Notice::TwoFactorOff).await
    })
    .await
}

/// Replaces the recovery codes, once for each form. Only the page that follows shows them.
#[server(prefix = "/_fn", endpoint = "new_recovery_codes")]
pub async fn new_recovery_codes(
    #[server(default)] code: Secret,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let (creator, from) = (services.clone(), client(&services));
        let codes = async move {
            Ok(lines(&creator.replace_recovery_codes(&caller, &code.expose().into(), from).await?))
        };
        let message = |codes| Message::RecoveryCodes { notice: Notice::RecoveryCodesCreated, codes };
        let form = (&*token, "new recovery codes");
        redirect_with_secret_once("/settings", (&services, &caller), form, message, codes).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "revoke_session")]
pub async fn revoke_session(handle: String) -> Result<(), AppError> {
    run_form(&[("handle", &handle)], async {
        let (services, caller) = authenticate().await?;
        services.revoke_session(&caller, &handle).await?;
        redirect_with_notice("/settings", Notice::SessionEnded).await
    })
    .await
}

/// Revokes all sessions but this one.
#[server(prefix = "/_fn", endpoint = "revoke_other_sessions")]
pub async fn revoke_other_sessions() -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.revoke_other_sessions(&caller, &current_session_row_id().await?).await?;
        redirect_with_notice("/settings", Notice::OtherSessionsEnded).await
    })
    .await
}

/// Deletes the account and everything in it.
#[server(prefix = "/_fn", endpoint = "delete_account")]
pub async fn delete_account(
    #[server(default)] password: Secret,
    #[server(default)] code: Secret,
) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let code = (!code.expose().trim().is_empty()).then(|| SecretString::from(code.expose()));
        let (password, from) = (password.expose().into(), client(&services));
        match services.delete_account(&caller, &password, code.as_ref(), from).await? {
            AccountDeletion::WorkerRemains { name } => Err(assistant_remains(&name)),
            AccountDeletion::Deleted => {
                sign_out_session(&current_session().await?).await?;
                redirect_with_notice("/goodbye", Notice::AccountDeleted).await
            }
        }
    })
    .await
}

fn assistant_remains(name: &str) -> AppError {
    let message = format!(
        "{name} couldn’t be disconnected from Telegram, so {name} and your account were not deleted. Other assistants may \
         already be deleted. Try again in a moment to continue."
    );
    AppError::new(ErrorCode::WorkerDeleteFailed, message)
}

/// Recovery codes, one per line.
fn lines(codes: &[SecretString]) -> SecretString {
    let codes: Vec<&str> = codes.iter().map(ExposeSecret::expose_secret).collect();
    codes.join("\n").into()
}
