//! Two-step sign-in: off, being set up, on.

use leptos::prelude::*;
use reef_service::accounts::{NewTotp, TotpStatus};
use secrecy::ExposeSecret as _;

use super::Shown;
use crate::components::code::Copyable;
use crate::components::dialog::Dialog;
use crate::components::field::{PasswordAgain, TextField};
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::qr::{Qr, QrPicture};
use crate::error::AppError;
use crate::functions::settings::{BeginTotp, ConfirmTotp, DisableTotp, NewRecoveryCodes};

/// Fewer recovery codes than this are few.
const FEW: i64 = 4;

/// What stands there depends on how far it is.
pub(super) fn section(shown: &Shown) -> Result<AnyView, AppError> {
    let content = match &shown.pending {
        _ if shown.totp.on => on(shown.totp, &shown.token),
        Some(new) => setting_up(new, &shown.token, shown.password_given)?,
        None => off(shown.password_given),
    };
    let is_at_risk = shown.mail_is_on && !shown.email_confirmed;
    let warning = is_at_risk.then(|| {
        view! {
            <p class="notice warn">
                "A password reset turns off two-step sign-in until your email is confirmed. "
                <a href="#email">"Confirm your email"</a>
            </p>
        }
    });
    let view = view! {
        <section class="card" aria-labelledby="two-step">
            <h2 id="two-step">"Two-step sign-in"</h2>
            {warning}
            {content}
        </section>
    };
    Ok(view.into_any())
}

fn off(given: bool) -> AnyView {
    let form = Form::of::<BeginTotp>("begin-totp", &["password"]);
    view! {
        <p>
            "It is off. Switched on, signing in takes a code from an authenticator app on your phone besides the password: "
            "who learns your password alone cannot get in."
        </p>
        <PostForm form>
            <Problem form/>
            <PasswordAgain form given/>
            <Submit label="Set it up" busy="One moment…" class="quiet"/>
        </PostForm>
    }
    .into_any()
}

fn setting_up(new: &NewTotp, token: &str, given: bool) -> Result<AnyView, AppError> {
    let (confirm, again) = (
        Form::of::<ConfirmTotp>("totp", &["code", "password"]),
        Form::of::<BeginTotp>("begin-totp", &["password"]),
    );
    let token = token.to_owned();
    let qr = Qr::of(new.otpauth_url.expose_secret())?;
    let (secret, link) = (new.secret.expose_secret().to_owned(), new.otpauth_url.expose_secret().to_owned());
    let view = view! {
        <p>"Two steps, and it is on. Nothing changes until the code is right."</p>
        <ol class="set-up">
            <li>
                <p>"Scan this with an authenticator app, or type the secret into it."</p>
                <QrPicture qr spoken="QR code for your authenticator app; the secret stands below it"/>
                <Copyable label="Secret for the authenticator app" secret=secret.into()/>
                <p class="hint">"On this device: " <a href=link>"open it in your authenticator app"</a> "."</p>
            </li>
            <li>
                <PostForm form=confirm>
                    <Problem form=confirm/>
                    <input type="hidden" name="token" value=token/>
                    <TextField
                        form=confirm
                        name="code"
                        path=&["code"]
                        label="Code that the app shows"
                        inputmode="numeric"
                        autocomplete="one-time-code"
                        hint="Six digits."
                    />
                    <PasswordAgain form=confirm given/>
                    <Submit label="Switch it on" busy="Checking…"/>
                </PostForm>
            </li>
        </ol>
        <PostForm form=again>
            <Problem form=again/>
            <PasswordAgain form=again given/>
            <Submit label="Begin again with a new secret" busy="One moment…" class="quiet small"/>
        </PostForm>
    };
    Ok(view.into_any())
}

fn on(status: TotpStatus, token: &str) -> AnyView {
    let left = status.recovery_codes_left;
    let words = match left {
        0 => "No recovery code is left: make new ones, or a lost phone locks you out.".to_owned(),
        1 => "1 recovery code is left.".to_owned(),
        _ => format!("{left} recovery codes are left."),
    };
    let class = (left < FEW).then_some("notice warn");
    view! {
        <p><span class="badge good">"on"</span> " Signing in takes a code of your authenticator app."</p>
        <p class=class>{words}</p>
        <div class="actions">{more_codes(token)} {turn_off()}</div>
    }
    .into_any()
}

fn more_codes(token: &str) -> AnyView {
    let (form, token) = (Form::of::<NewRecoveryCodes>("recovery", &["code"]), token.to_owned());
    view! {
        <Dialog
            id="new-codes"
            button="New recovery codes"
            class="quiet"
            title="Make new recovery codes?"
            open=form.has_failed()
        >
            <p>"Ten new ones. Those before are worth nothing then."</p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <Code form/>
                <Submit label="Make new codes" busy="Checking…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

fn turn_off() -> AnyView {
    let form = Form::of::<DisableTotp>("totp-off", &["password", "code"]);
    view! {
        <Dialog
            id="totp-off"
            button="Turn off"
            class="danger quiet"
            label="Turn off two-step sign-in"
            title="Turn off two-step sign-in?"
            open=form.has_failed()
        >
            <p>"The password alone signs in then. The secret and all recovery codes are destroyed."</p>
            <PostForm form>
                <Problem form/>
                <TextField
                    form
                    name="password"
                    path=&["password"]
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                />
                <Code form/>
                <Submit label="Turn it off" busy="Checking…" class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

/// A code where two-step sign-in is on.
#[component]
pub(super) fn Code(form: Form) -> impl IntoView {
    view! {
        <TextField
            form
            name="code"
            path=&["code"]
            label="Code"
            autocomplete="one-time-code"
            hint="Of your authenticator app, or a recovery code."
        />
    }
}
