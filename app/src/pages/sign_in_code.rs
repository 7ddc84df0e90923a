//! `/signin/code`: the second step of signing in.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::page::{Head, drawn_or_failure};
use crate::functions::account::SignInCode;
use crate::server::redirect_page;
use crate::session::{pending_sign_in, session};

/// The code of the authenticator app, or a recovery code; who has not given a password yet goes to do so.
#[component]
pub(crate) fn SignInCodePage() -> impl IntoView {
    view! {
        <Head title="Sign in: the code" description="The second step of signing in to Reef."/>
        {drawn_or_failure(async {
            let waits = pending_sign_in(&session().await?).await.is_ok();
            if !waits {
                redirect_page("/signin");
            }
            Ok(page(waits))
        })}
    }
}

fn page(waits: bool) -> AnyView {
    if !waits {
        return view! {
            <h1>"The password comes first"</h1>
            <p><a href="/signin">"Sign in"</a></p>
        }
        .into_any();
    }
    let form = Form::of::<SignInCode>("code", &["code"]);
    let next = use_query_map().with_untracked(|query| query.get("next")).unwrap_or_default();
    view! {
        <div class="narrow">
            <h1>"One more step"</h1>
            <p>"Your password is right. Now the six digits that your authenticator app shows for Reef."</p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="next" value=next/>
                <TextField
                    form
                    name="code"
                    path=&["code"]
                    label="Code"
                    autocomplete="one-time-code"
                    hint="You have lost the app? One of your recovery codes does, too. Each is good once."
                />
                <Submit label="Sign in" busy="Signing in…"/>
            </PostForm>
            <p><a href="/signin">"Begin again"</a></p>
        </div>
    }
    .into_any()
}
