//! Two-factor authentication: off, being set up, or on.

use leptos::prelude::*;
use reef_service::accounts::{NewTotp, TotpStatus};
use secrecy::ExposeSecret as _;

use super::PageData;
use crate::components::code::Copyable;
use crate::components::dialog::Dialog;
use crate::components::field::{ConfirmPassword, PasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::qr::{Qr, QrPicture};
use crate::error::AppError;
use crate::functions::settings::{ConfirmTotp, CreateTotp, DisableTotp, NewRecoveryCodes};

/// With fewer recovery codes than this the page warns.
const LOW_CODES: i64 = 4;

/// What the section offers depends on whether two-factor is off, being set up, or on.
pub(super) fn section(shown: &PageData) -> Result<AnyView, AppError> {
    let content = match &shown.pending_totp {
        _ if shown.totp.is_on => on(shown.totp, &shown.token),
        Some(new) => setting_up(new, &shown.token, shown.password_verified)?,
        None => off(shown.password_verified),
    };
    let is_at_risk = shown.mail_is_on && !shown.email_confirmed;
    let warning = is_at_risk.then(|| {
        view! {
            <p class="notice warn">
                "Until you confirm your email, a password reset turns off two-factor. "
                <a href="#email">"Confirm your email"</a>
            </p>
        }
    });
    let view = view! {
        <section class="card" aria-labelledby="two-factor">
            <h2 id="two-factor">"Two-factor authentication"</h2>
            {warning}
            {content}
        </section>
    };
    Ok(view.into_any())
}

fn off(password_verified: bool) -> AnyView {
    let form = Form::of::<CreateTotp>("create-totp", &["password"]);
    view! {
        <p>
            "Two-factor is off. Turn it on to sign in with a code from an authenticator app as well as your password."
        </p>
        <PostForm form>
            <FormErrorMessage form/>
            <ConfirmPassword form verified=password_verified reason="For your security, confirm your password to set up two-factor."/>
            <Submit label="Set up" busy="Setting up…" class="quiet" aria_label="Set up two-factor"/>
        </PostForm>
    }
    .into_any()
}

fn setting_up(new: &NewTotp, token: &str, password_verified: bool) -> Result<AnyView, AppError> {
    let (confirm, again) = (
        Form::of::<ConfirmTotp>("totp", &["code", "password"]),
        Form::of::<CreateTotp>("create-totp", &["password"]),
    );
    let token = token.to_owned();
    let qr = Qr::of(new.otpauth_url.expose_secret())?;
    let (secret, link) = (new.secret.expose_secret().to_owned(), new.otpauth_url.expose_secret().to_owned());
    let view = view! {
        <p>"Two-factor is off until you finish both steps."</p>
        <ol class="setup-steps">
            <li>
                <p>"Scan this code with an authenticator app, or enter the secret there."</p>
                <QrPicture qr aria_label="QR code for your authenticator app. The secret is below."/>
                <Copyable label="Secret for the authenticator app" secret=secret.into()/>
                <p class="hint">"On this device: " <a href=link>"open your authenticator app"</a> "."</p>
            </li>
            <li>
                <PostForm form=confirm>
                    <FormErrorMessage form=confirm/>
                    <input type="hidden" name="token" value=token/>
                    <TextField
                        form=confirm
                        name="code"
                        path=&["code"]
                        label="Code from the app"
                        inputmode="numeric"
                        autocomplete="one-time-code"
                        hint="The 6 digits that the app shows."
                    />
                    <ConfirmPassword form=confirm verified=password_verified reason="For your security, confirm your password to turn on two-factor."/>
                    <Submit label="Turn on" busy="Checking…" aria_label="Turn on two-factor"/>
                </PostForm>
            </li>
        </ol>
        <PostForm form=again>
            <FormErrorMessage form=again/>
            <ConfirmPassword form=again verified=password_verified reason="For your security, confirm your password to start over."/>
            <Submit label="Start over" busy="Starting over…" class="quiet small"/>
        </PostForm>
    };
    Ok(view.into_any())
}

fn on(status: TotpStatus, token: &str) -> AnyView {
    let left = status.recovery_codes_left;
    let message = match left {
        0 => {
            "No recovery codes left. Generate new ones, so that you can still sign in if you lose your device."
                .to_owned()
        }
        1 => "1 recovery code left.".to_owned(),
        _ => format!("{left} recovery codes left."),
    };
    let class = (left < LOW_CODES).then_some("notice warn");
    view! {
        <p><span class="badge good">"On"</span> " You sign in with a code from your authenticator app."</p>
        <p class=class>{message}</p>
        <div class="actions">{new_codes_dialog(token)} {turn_off_dialog()}</div>
    }
    .into_any()
}

fn new_codes_dialog(token: &str) -> AnyView {
    let (form, token) = (Form::of::<NewRecoveryCodes>("recovery", &["code"]), token.to_owned());
    view! {
        <Dialog
            id="new-codes"
            button="New recovery codes"
            class="quiet"
            title="Generate new recovery codes?"
            open=form.has_failed()
        >
            <p>"Generates 10 new codes. Old codes stop working."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="token" value=token/>
                <CodeField form/>
                <Submit label="Generate codes" busy="Checking…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

fn turn_off_dialog() -> AnyView {
    let form = Form::of::<DisableTotp>("totp-off", &["password", "code"]);
    view! {
        <Dialog
            id="totp-off"
            button="Turn off"
            class="danger quiet"
            label="Turn off two-factor"
            title="Turn off two-factor?"
            open=form.has_failed()
        >
            <p>"You’ll sign in with your password only. Recovery codes stop working."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <PasswordField form hint="For your security, confirm your password to turn off two-factor."/>
                <CodeField form/>
                <Submit label="Turn off two-factor" busy="Checking…" class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

/// A field for a two-factor code or a recovery code.
#[component]
pub(super) fn CodeField(form: Form) -> impl IntoView {
    view! {
        <TextField
            form
            name="code"
            path=&["code"]
            label="Code"
            autocomplete="one-time-code"
            hint="From your authenticator app, or a recovery code."
        />
    }
}
