//! `/forgot` and `/reset`: a new password for whoever reads the account's mail.

use leptos::prelude::*;
use reef_service::Services;

use super::mail_links::{incomplete, token};
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::notice::{Done, is_done};
use crate::components::page::{Head, drawn_or_failure};
use crate::functions::mail::{ForgotPassword, ResetPassword};
use crate::server::provided;

/// Asks where to send the link.
#[component]
pub(crate) fn ForgotPage() -> impl IntoView {
    view! {
        <Head title="Forgot your password?" description="Have a link to a new password sent to you."/>
        {drawn_or_failure(async {
            let services: Services = provided()?;
            Ok(forgot(services.mail_is_on()))
        })}
    }
}

fn forgot(mail_is_on: bool) -> AnyView {
    let content = match (mail_is_on, is_done()) {
        (false, _) => view! {
            <p>"No e-mail is sent from here, so Reef cannot send you a link. The operator can give you a new password."</p>
        }
        .into_any(),
        (true, true) => view! {
            <p>"Each link works once, for one hour. We send only a few to one address: not there? Check spam, use the newest link "
                "you have, or " <a href="/forgot">"ask again"</a> "."</p>
        }
        .into_any(),
        (true, false) => form(),
    };
    view! {
        <div class="narrow">
            <h1>"Forgot your password?"</h1>
            <Done/>
            {content}
            <p><a href="/signin">"Back to signing in"</a></p>
        </div>
    }
    .into_any()
}

fn form() -> AnyView {
    let form = Form::of::<ForgotPassword>("forgot", &["email"]);
    view! {
        <p>"We send you a link by which you choose a new one."</p>
        <PostForm form>
            <Problem form/>
            <TextField form name="email" path=&["email"] label="E-mail" kind="email" autocomplete="username" check="email"/>
            <Submit label="Send the link" busy="Sending…"/>
        </PostForm>
    }
    .into_any()
}

/// Asks for the new password.
#[component]
pub(crate) fn ResetPage() -> impl IntoView {
    let form = Form::of::<ResetPassword>("reset", &["password"]);
    let content = match token() {
        None => incomplete(),
        Some(token) => view! {
            <p>"All sessions are signed out then, and the link is used up."</p>
            <p>
                "API keys and two-step sign-in stay as they are if the address of the account was confirmed before. If it never "
                "was, they end, and callbacks are signed with a new secret: a stranger may have opened the account."
            </p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <TextField
                    form
                    name="password"
                    path=&["password"]
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    check="password"
                    hint="10 characters or more; a few words are easier to remember."
                />
                <Submit label="Set the password" busy="One moment…"/>
            </PostForm>
        }
        .into_any(),
    };
    view! {
        <Head title="Choose a new password" description="Choose a new password for your account at Reef."/>
        <div class="narrow">
            <h1>"Choose a new password"</h1>
            {content}
            <p><a href="/forgot">"Have another link sent"</a></p>
        </div>
    }
}
