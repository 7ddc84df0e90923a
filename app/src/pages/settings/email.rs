//! The email of the account: whether it is confirmed, and the form that changes it.

use leptos::prelude::*;

use super::PageData;
use crate::components::dialog::Dialog;
use crate::components::field::{PasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::mail::{ChangeEmail, ResendConfirmation};

/// Offers to confirm and to change the email, if Reef can send emails.
pub(super) fn section(shown: &PageData) -> AnyView {
    let email = shown.email.clone();
    let undeliverable = (shown.mail_is_on && shown.email_undeliverable).then(|| {
        view! { <p><span class="badge warn">"We couldn’t deliver email to this address"</span></p> }
    });
    let content = if shown.mail_is_on {
        let confirmed = shown.email_confirmed;
        let resend = (!confirmed).then(resend);
        view! { {state(confirmed)} <div class="actions">{resend} {change()}</div> }.into_any()
    } else {
        view! { <p class="hint">"This site doesn’t send email, so your address can’t be confirmed or changed."</p> }
            .into_any()
    };
    view! {
        <section class="card" aria-labelledby="email">
            <h2 id="email">"Email"</h2>
            <p>"You sign in with " <strong>{email}</strong> "."</p>
            {undeliverable}
            {content}
        </section>
    }
    .into_any()
}

fn state(confirmed: bool) -> AnyView {
    if confirmed {
        return view! { <p><span class="badge good">"Confirmed"</span></p> }.into_any();
    }
    view! {
        <p>
            <span class="badge warn">"Not confirmed"</span>
            " Confirm your email so that alerts reach you and a password reset keeps your API keys, two-factor and signing secret."
        </p>
    }
    .into_any()
}

fn resend() -> AnyView {
    let form = Form::of::<ResendConfirmation>("resend", &[]);
    view! {
        <PostForm form>
            <FormErrorMessage form/>
            <Submit label="Resend confirmation email" busy="Sending…" class="quiet"/>
        </PostForm>
    }
    .into_any()
}

fn change() -> AnyView {
    let form = Form::of::<ChangeEmail>("email-change", &["email", "password"]);
    view! {
        <Dialog id="email-change" button="Change email" class="quiet" title="Change email" open=form.has_failed()>
            <p>"We’ll send a confirmation email to the new address and notify the current one."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <TextField
                    form
                    name="email"
                    path=&["email"]
                    label="New email"
                    kind="email"
                    autocomplete="email"
                    check="email"
                />
                <PasswordField form hint="For your security, enter your password."/>
                <Submit label="Send confirmation email" busy="Sending…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}
