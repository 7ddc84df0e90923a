//! `/signin`.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::location::Url;

use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::account::SignIn;

/// E-mail and password; then on to where one wanted to go.
#[component]
pub(crate) fn SignInPage() -> impl IntoView {
    let form = Form::leaving::<SignIn>("sign-in", &["email", "password"]);
    let next = use_query_map().with_untracked(|query| query.get("next")).unwrap_or_default();
    let sign_up = format!("/signup?next={}", Url::escape(&next));
    view! {
        <Title text="Sign in"/>
        <h1>"Sign in"</h1>
        <PostForm form>
            <Problem form/>
            <input type="hidden" name="next" value=next/>
            <TextField form name="email" path=&["email"] label="E-mail" kind="email" autocomplete="username"/>
            <TextField
                form
                name="password"
                path=&["password"]
                label="Password"
                kind="password"
                autocomplete="current-password"
            />
            <Submit form label="Sign in" busy="Signing in…"/>
        </PostForm>
        <p>"No account yet? " <a href=sign_up>"Sign up"</a></p>
    }
}
