//! `/signup`: a new account.

use leptos::prelude::*;
use leptos_router::location::Url;

use crate::components::field::{NewPasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::page::Head;
use crate::functions::account::SignUp;
use crate::request::query_value;
use crate::server::are_signups_open;

/// Creates an account and signs in to it.
#[component]
pub(crate) fn SignUpPage() -> impl IntoView {
    let next = query_value("next").unwrap_or_default();
    let sign_in = format!("/signin?next={}", Url::escape(&next));
    let is_open = are_signups_open();
    view! {
        <Head title="Sign up" description="Create your Reef account: all you need is an email and a password." is_public=true/>
        <div class="narrow">
            <h1>"Create your account"</h1>
            {if is_open { view! { <SignUpForm next/> }.into_any() } else { view! { <Closed/> }.into_any() }}
            <p>"Already have an account? " <a href=sign_in>"Sign in"</a></p>
        </div>
    }
}

#[component]
fn SignUpForm(next: String) -> impl IntoView {
    let form = Form::of::<SignUp>("sign-up", &["email", "password"]);
    view! {
        <PostForm form>
            <FormErrorMessage form/>
            <input type="hidden" name="next" value=next/>
            <TextField form name="email" path=&["email"] label="Email" kind="email" autocomplete="username" check="email"/>
            <NewPasswordField form name="password" label="Password"/>
            <Submit label="Create account" busy="Creating your account…"/>
        </PostForm>
    }
}

/// Shown instead of the form, so that nobody fills it out in vain.
#[component]
fn Closed() -> impl IntoView {
    view! {
        <p class="notice">"Sign-ups are closed. Contact support for an invitation."</p>
    }
}
