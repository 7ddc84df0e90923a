//! The address: confirmed or not, and another one.

use leptos::prelude::*;

use super::Shown;
use crate::components::dialog::Dialog;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::mail::{ChangeEmail, ResendConfirmation};

/// What can be done with it, where mail is sent.
pub(super) fn section(shown: &Shown) -> AnyView {
    let email = shown.email.clone();
    let undeliverable = (shown.mail_is_on && shown.email_undeliverable).then(|| {
        view! { <p><span class="badge warn">"We couldn’t deliver email to this address"</span></p> }
    });
    let content = if shown.mail_is_on {
        let confirmed = shown.email_confirmed;
        let resend = (!confirmed).then(resend);
        view! { {state(confirmed)} <div class="actions">{resend} {change()}</div> }.into_any()
    } else {
        view! { <p class="hint">"No e-mail is sent from here, so the address can be neither confirmed nor changed."</p> }
            .into_any()
    };
    view! {
        <section class="card" aria-labelledby="email">
            <h2 id="email">"E-mail"</h2>
            <p>"You sign in with " <strong>{email}</strong> "."</p>
            {undeliverable}
            {content}
        </section>
    }
    .into_any()
}

fn state(confirmed: bool) -> AnyView {
    if confirmed {
        return view! { <p><span class="badge good">"confirmed"</span></p> }.into_any();
    }
    view! {
        <p>
            <span class="badge warn">"not confirmed yet"</span>
            " Open the link in our mail, so that alerts reach you and a password reset keeps your API keys and two-step sign-in."
        </p>
    }
    .into_any()
}

fn resend() -> AnyView {
    let form = Form::of::<ResendConfirmation>("resend", &[]);
    view! {
        <PostForm form>
            <Problem form/>
            <Submit label="Send the link again" busy="Sending…" class="quiet"/>
        </PostForm>
    }
    .into_any()
}

fn change() -> AnyView {
    let form = Form::of::<ChangeEmail>("email-change", &["email", "password"]);
    view! {
        <Dialog id="email-change" button="Change address" class="quiet" title="Another e-mail address" open=form.has_failed()>
            <p>"We send a link to the new address, and a notice to the present one. It changes once the link is opened."</p>
            <PostForm form>
                <Problem form/>
                <TextField
                    form
                    name="email"
                    path=&["email"]
                    label="New e-mail"
                    kind="email"
                    autocomplete="email"
                    check="email"
                />
                <TextField
                    form
                    name="password"
                    path=&["password"]
                    label="Password"
                    kind="password"
                    autocomplete="current-password"
                />
                <Submit label="Send the link" busy="Sending…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}
