//! `/signin/code`: the two-factor code of a sign-in.

use leptos::prelude::*;

use crate::components::error_page::render_or_error;
use crate::components::field::TextField;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::page::Head;
use crate::functions::account::SignInCode;
use crate::request::{query_value, redirect_page};
use crate::session::{current_session, get_pending_sign_in};

/// Takes a code of the authenticator app or a recovery code. Without a verified password it redirects to `/signin`.
#[component]
pub(crate) fn SignInCodePage() -> impl IntoView {
    view! {
        <Head title="Two-factor authentication" description="Enter your two-factor code to sign in to Reef."/>
        {render_or_error(async {
            let waits = get_pending_sign_in(&current_session().await?).await.is_ok();
            if !waits {
                redirect_page("/signin");
            }
            Ok(page(waits))
        })}
    }
}

fn page(is_pending: bool) -> AnyView {
    if !is_pending {
        return view! {
            <h1>"Enter your password first"</h1>
            <p><a href="/signin">"Sign in"</a></p>
        }
        .into_any();
    }
    let form = Form::of::<SignInCode>("code", &["code"]);
    let next = query_value("next").unwrap_or_default();
    view! {
        <div class="narrow">
            <h1>"Two-factor authentication"</h1>
            <p>"Enter the 6-digit code from your authenticator app."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="next" value=next/>
                <TextField
                    form
                    name="code"
                    path=&["code"]
                    label="Code"
                    autocomplete="one-time-code"
                    hint="Lost your device? Use a recovery code. Each one works once."
                />
                <Submit label="Sign in" busy="Signing in…"/>
            </PostForm>
            <p><a href="/signin">"Back to sign in"</a></p>
        </div>
    }
    .into_any()
}
