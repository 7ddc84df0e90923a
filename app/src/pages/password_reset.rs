//! `/forgot` and `/reset`: a new password by email.

use leptos::prelude::*;
use reef_service::Services;
use reef_service::accounts::ResetLink;

use super::email_links::{expired, incomplete, token};
use crate::components::error_page::render_or_error;
use crate::components::field::{NewPasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::error::AppError;
use crate::flash;
use crate::functions::mail::{ForgotPassword, ResetPassword};
use crate::server::get_context;

/// Sends a reset link to an address.
#[component]
pub(crate) fn ForgotPage() -> impl IntoView {
    view! {
        <Head title="Forgot your password?" description="Get a link to reset your Reef password."/>
        {render_or_error(async {
            let services: Services = get_context()?;
            Ok(forgot(services.is_mail_enabled()))
        })}
    }
}

fn forgot(mail_is_on: bool) -> AnyView {
    let content = match (mail_is_on, flash::notice().is_some()) {
        (false, _) => view! {
            <p>"This site doesn’t send email. Contact support to reset your password."</p>
        }
        .into_any(),
        (true, true) => view! {
            <p>"The link works once and expires in an hour. Not there? Check spam or " <a href="/forgot">"send a new reset link"</a> ". "
                "We limit how many emails we send, so use the latest one that you have."</p>
        }
        .into_any(),
        (true, false) => form(),
    };
    view! {
        <div class="narrow">
            <h1>"Forgot your password?"</h1>
            <Notice/>
            {content}
            <p><a href="/signin">"Back to sign in"</a></p>
        </div>
    }
    .into_any()
}

fn form() -> AnyView {
    let form = Form::of::<ForgotPassword>("forgot", &["email"]);
    view! {
        <p>"We’ll email you a link to reset your password."</p>
        <p class="hint">
            "If you never confirmed your email, a reset also revokes your API keys, turns off two-factor and replaces your signing "
            "secret. Still signed in on another device? Confirm your email there first."
        </p>
        <PostForm form>
            <FormErrorMessage form/>
            <TextField form name="email" path=&["email"] label="Email" kind="email" autocomplete="username" check="email"/>
            <Submit label="Send reset link" busy="Sending…"/>
        </PostForm>
    }
    .into_any()
}

/// Sets a new password while the link is valid.
#[component]
pub(crate) fn ResetPage() -> impl IntoView {
    view! {
        <Head title="Reset your password" description="Choose a new password for your Reef account."/>
        <div class="narrow">
            <h1>"Reset your password"</h1>
            {render_or_error(async { reset().await })}
            <p><a href="/forgot">"Send a new reset link"</a></p>
        </div>
    }
}

async fn reset() -> Result<AnyView, AppError> {
    let Some(token) = token() else { return Ok(incomplete()) };
    let services: Services = get_context()?;
    Ok(match services.reset_link_state(&token.as_str().into()).await? {
        ResetLink::Invalid => expired(),
        ResetLink::Valid { revokes_access } => new_password(token, revokes_access),
    })
}

fn new_password(token: String, revokes_access: bool) -> AnyView {
    let form = Form::of::<ResetPassword>("reset", &["password"]);
    let warning = revokes_access.then(|| {
        view! {
            <p class="notice warn">
                "Because this email was never confirmed, resetting also revokes all API keys, turns off two-factor and replaces "
                "your signing secret: the old one stops signing immediately. To keep them, sign in and confirm your email first."
            </p>
        }
    });
    view! {
        <p>"This signs you out on all devices."</p>
        {warning}
        <PostForm form>
            <FormErrorMessage form/>
            <input type="hidden" name="token" value=token/>
            <NewPasswordField form name="password"/>
            <Submit label="Reset password" busy="Resetting…"/>
        </PostForm>
    }
    .into_any()
}
