//! `/settings`: email, password, two-factor, devices, and deleting the account.

mod delete;
mod email;
mod password;
mod sessions;
mod two_factor;

use leptos::prelude::*;
use reef_service::Error;
use reef_service::accounts::{DeletionPreview, NewTotp, SessionView, TotpStatus};

use crate::components::code::CodeBlock;
use crate::components::error_page::render_or_error;
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::secret::Secret;
use crate::server::{authenticate, current_session_row_id};

/// The data of the page.
struct PageData {
    email: String,
    email_confirmed: bool,
    email_undeliverable: bool,
    mail_is_on: bool,
    /// Whether the session has verified the password.
    password_verified: bool,
    totp: TotpStatus,
    /// A two-factor secret that waits for its first code.
    pending_totp: Option<NewTotp>,
    /// Recovery codes that were just generated, one per line.
    new_codes: Option<Secret>,
    sessions: Vec<SessionView>,
    deletion_preview: DeletionPreview,
    /// The form token, which makes a form that is sent twice count once.
    token: String,
}

/// The settings of the account.
#[component]
pub(crate) fn SettingsPage() -> impl IntoView {
    view! {
        <Head title="Settings" description="Email, password, two-factor and devices of your account."/>
        {render_or_error(async { page(&load().await?) })}
    }
}

async fn load() -> Result<PageData, AppError> {
    let (services, caller) = authenticate().await?;
    let account = services.find_account(caller.user_id).await?.ok_or(Error::Unauthorized)?;
    Ok(PageData {
        email: account.email,
        email_confirmed: account.email_confirmed,
        email_undeliverable: services.is_email_undeliverable(&caller).await?,
        mail_is_on: services.is_mail_enabled(),
        password_verified: caller.has_proven_password(),
        totp: services.get_totp_status(&caller).await?,
        pending_totp: services.find_pending_totp(&caller).await?,
        new_codes: flash::message().and_then(|message| match &*message {
            Message::RecoveryCodes { codes, .. } => Some(codes.clone()),
            _ => None,
        }),
        sessions: services.list_sessions(&caller, &current_session_row_id().await?).await?,
        deletion_preview: services.account_deletion_preview(&caller).await?,
        token: services.form_token(),
    })
}

fn page(shown: &PageData) -> Result<AnyView, AppError> {
    // Recovery codes are meaningless while two-factor is off.
    let codes = shown.new_codes.clone().filter(|_| shown.totp.is_on).map(new_codes);
    let (email, password, two_factor) =
        (email::section(shown), password::section(&shown.email), two_factor::section(shown)?);
    let (sessions, delete) = (sessions::section(&shown.sessions), delete::section(shown));
    let view = view! {
        <h1>"Settings"</h1>
        // The section with the codes says what was done, and must not be dismissed.
        {codes.is_none().then(|| view! { <Notice/> })}
        <div role="status">{codes}</div>
        {email}
        {password}
        {two_factor}
        {sessions}
        {delete}
    };
    Ok(view.into_any())
}

fn new_codes(codes: Secret) -> AnyView {
    let outcome = match flash::notice() {
        Some(flash::Notice::TwoFactorOn) => "Two-factor is on. ",
        _ => "Old codes no longer work. ",
    };
    view! {
        <section class="notice good wide" aria-labelledby="recovery-codes">
            <h2 id="recovery-codes" tabindex="-1" autofocus>"Save your recovery codes now"</h2>
            <p>
                {outcome}
                "If you lose your device, sign in with one of these codes. Each works once. Keep them in a password manager or print them. You won’t see them "
                "again."
            </p>
            <CodeBlock label="Recovery codes" code=codes.expose().to_owned()/>
        </section>
    }
    .into_any()
}
