//! `/settings`: what keeps an account its owner's, and its end.

mod delete;
mod email;
mod password;
mod sessions;
mod two_step;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_service::Error;
use reef_service::accounts::{DeletionPreview, NewTotp, SessionView, TotpStatus};

use crate::components::code::CodeBlock;
use crate::components::notice::{Done, is_done_with};
use crate::components::page::{Head, drawn_or_failure};
use crate::error::AppError;
use crate::functions::settings::RECOVERY_CODES;
use crate::secret::Secret;
use crate::server::{flash, own_session_row, signed_in};

/// What the page is drawn from.
struct Shown {
    email: String,
    email_confirmed: bool,
    email_undeliverable: bool,
    mail_is_on: bool,
    /// Whether the password need not be asked for.
    password_given: bool,
    totp: TotpStatus,
    /// A secret that waits for its first code.
    pending: Option<NewTotp>,
    /// Recovery codes that were just made, one a line.
    codes: Option<Secret>,
    sessions: Vec<SessionView>,
    ends: DeletionPreview,
    /// What the forms carry that are carried out once.
    token: String,
}

/// The page.
#[component]
pub(crate) fn SettingsPage() -> impl IntoView {
    view! {
        <Head title="Settings" description="E-mail, password, two-step sign-in and sessions of your account."/>
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
        // Shown where the form that made them has led, and after no other one: they may be used by then.
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
    // They open the account: shown only while that takes one.
    let codes = shown.codes.clone().filter(|_| shown.totp.on).map(new_codes);
    let (email, password, two_step) =
        (email::section(shown), password::section(&shown.email), two_step::section(shown)?);
    let (sessions, delete) = (sessions::section(&shown.sessions), delete::section(shown));
    let view = view! {
        <h1>"Settings"</h1>
        // The codes must not be dismissed by the way: what they come with is said with them.
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
    let done = use_query_map().with_untracked(|query| query.get("done")).unwrap_or_default();
    let what_was_done = match done.as_str() {
        "totp_on" => "Two-step sign-in is on. ",
        _ => "Earlier codes don’t work any more. ",
    };
    view! {
        <section class="notice good wide" aria-labelledby="recovery-codes">
            <h2 id="recovery-codes" tabindex="-1" autofocus>"Save your recovery codes now"</h2>
            <p>
                {what_was_done}
                "If you lose your authenticator app, each of these codes signs you in once. Print them, or put them into a "
                "password manager: Reef can’t show them to you later."
            </p>
            <CodeBlock label="Recovery codes" code=codes.expose().to_owned()/>
        </section>
    }
    .into_any()
}
