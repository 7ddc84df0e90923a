//! `/settings`: email, password, two-factor, devices, and deleting the account.

mod delete;
mod email;
mod password;
mod sessions;
mod two_step;

use leptos::prelude::*;
use reef_service::Error;
use reef_service::accounts::{DeletionPreview, NewTotp, SessionView, TotpStatus};

use crate::components::code::CodeBlock;
use crate::components::notice::{Done, is_done_with};
use crate::components::page::{Head, drawn_or_failure};
use crate::error::AppError;
use crate::functions::settings::RECOVERY_CODES;
use crate::secret::Secret;
use crate::server::{flash, own_session_row, query_value, signed_in};

/// The data of the page.
struct Shown {
    email: String,
    email_confirmed: bool,
    email_undeliverable: bool,
    mail_is_on: bool,
    /// Whether the session has verified the password.
    password_given: bool,
    totp: TotpStatus,
    /// A two-factor secret that waits for its first code.
    pending: Option<NewTotp>,
    /// Recovery codes that were just generated, one per line.
    codes: Option<Secret>,
    sessions: Vec<SessionView>,
    ends: DeletionPreview,
    /// The form token, which makes a form that is sent twice count once.
    token: String,
}

/// The settings of the account.
#[component]
pub(crate) fn SettingsPage() -> impl IntoView {
    view! {
        <Head title="Settings" description="Email, password, two-factor and devices of your account."/>
        {drawn_or_failure(async { page(&load().await?) })}
    }
}

async fn load() -> Result<Shown, AppError> {
    let (services, caller) = signed_in().await?;
    let account = services.account(caller.user_id).await?.ok_or(Error::Unauthorized)?;
    Ok(Shown {
        email: account.email,
        email_confirmed: account.email_confirmed,
        email_undeliverable: services.is_email_undeliverable(&caller).await?,
        mail_is_on: services.mail_is_on(),
        password_given: caller.has_given_password(),
        totp: services.totp_status(&caller).await?,
        pending: services.pending_totp(&caller).await?,
        // Shown only where their form leads, because a later form may come after some of them were used.
        codes: if is_done_with(&["totp_on", "codes_new"]) {
            flash(&services, RECOVERY_CODES).await?
        } else {
            None
        },
        sessions: services.sessions(&caller, &own_session_row().await?).await?,
        ends: services.account_deletion_preview(&caller).await?,
        token: services.form_token(),
    })
}

fn page(shown: &Shown) -> Result<AnyView, AppError> {
    // Recovery codes are meaningless while two-factor is off.
    let codes = shown.codes.clone().filter(|_| shown.totp.on).map(new_codes);
    let (email, password, two_step) =
        (email::section(shown), password::section(&shown.email), two_step::section(shown)?);
    let (sessions, delete) = (sessions::section(&shown.sessions), delete::section(shown));
    let view = view! {
        <h1>"Settings"</h1>
        // The section with the codes says what was done, and must not be dismissed.
        {codes.is_none().then(|| view! { <Done/> })}
        <div role="status">{codes}</div>
        {email}
        {password}
        {two_step}
        {sessions}
        {delete}
    };
    Ok(view.into_any())
}

fn new_codes(codes: Secret) -> AnyView {
    let done = query_value("done").unwrap_or_default();
    let what_was_done = match done.as_str() {
        "totp_on" => "Two-factor is on. ",
        _ => "Old codes no longer work. ",
    };
    view! {
        <section class="notice good wide" aria-labelledby="recovery-codes">
            <h2 id="recovery-codes" tabindex="-1" autofocus>"Save your recovery codes now"</h2>
            <p>
                {what_was_done}
                "Each code works once if you lose your device. Keep them in a password manager or print them. You won’t see them "
                "again."
            </p>
            <CodeBlock label="Recovery codes" code=codes.expose().to_owned()/>
        </section>
    }
    .into_any()
}
