//! `/signup`.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use crate::components::field::{NewPasswordField, TextField};
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::page::Head;
use crate::functions::account::SignUp;
use crate::server::are_signups_open;

/// Opens an account, signed in at once.
#[component]
pub(crate) fn SignUpPage() -> impl IntoView {
    let next = use_query_map().with_untracked(|query| query.get("next")).unwrap_or_default();
    let sign_in = format!("/signin?next={}", Url::escape(&next));
    let is_open = are_signups_open();
    view! {
        <Head title="Sign up" description="Open an account at Reef: an e-mail address and a password are all it takes." is_public=true/>
        <div class="narrow">
            <h1>"Sign up"</h1>
            {if is_open { view! { <SignUpForm next/> }.into_any() } else { view! { <Closed/> }.into_any() }}
            <p>"You have an account? " <a href=sign_in>"Sign in"</a></p>
        </div>
    }
}

#[component]
fn SignUpForm(next: String) -> impl IntoView {
    let form = Form::of::<SignUp>("sign-up", &["email", "password"]);
    view! {
        <PostForm form>
            <Problem form/>
            <input type="hidden" name="next" value=next/>
            <TextField form name="email" path=&["email"] label="E-mail" kind="email" autocomplete="username" check="email"/>
            <NewPasswordField form name="password" label="Password"/>
            <Submit label="Sign up" busy="Opening your account…"/>
        </PostForm>
    }
}

/// Said before anything is typed.
#[component]
fn Closed() -> impl IntoView {
    view! {
        <p class="notice">"New accounts are not opened here at present. Whoever runs this site can open one for you."</p>
    }
}
