//! `/signin`: email and password.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_service::Services;

use crate::components::field::{PasswordField, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::functions::account::SignIn;
use crate::request::query_value;
use crate::server::{are_signups_open, get_context};

/// Signs in and opens the page that was asked for.
#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let form = Form::of::<SignIn>("sign-in", &["email", "password"]);
    let next = query_value("next").unwrap_or_default();
    let sign_up = format!("/signup?next={}", Url::escape(&next));
    let can_forget = get_context().is_ok_and(|services: Services| services.is_mail_enabled());
    let is_open = are_signups_open();
    view! {
        <Head title="Sign in" description="Sign in to Reef to create and manage your AI assistants on Telegram." is_public=true/>
        <div class="narrow">
        <h1>"Sign in"</h1>
        <Notice/>
        <PostForm form>
            <FormErrorMessage form/>
            <input type="hidden" name="next" value=next/>
            <TextField form name="email" path=&["email"] label="Email" kind="email" autocomplete="username" check="email"/>
            <PasswordField form/>
            <Submit label="Sign in" busy="Signing in…"/>
        </PostForm>
        {can_forget.then(|| view! { <p><a href="/forgot">"Forgot your password?"</a></p> })}
        {is_open.then(|| view! { <p>"No account yet? " <a href=sign_up>"Sign up"</a></p> })}
        </div>
    }
}
