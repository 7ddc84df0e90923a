//! `/confirm` and `/confirm-change`: what links in mails lead to. Looking at them changes nothing; their button does.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::notice::{Done, is_done};
use crate::components::page::Head;
use crate::functions::mail::{ConfirmEmail, ConfirmEmailChange};

/// The secret of the link that led here.
pub(super) fn token() -> Option<String> {
    use_query_map().with_untracked(|query| query.get("token")).filter(|token| !token.is_empty())
}

/// For an address without its secret, as some mail programs cut it.
pub(super) fn incomplete() -> AnyView {
    view! {
        <p class="notice warn">
            "This link is not complete. Open it as it stands in the mail, or copy all of it into the address bar."
        </p>
    }
    .into_any()
}

/// Confirms the address of an account.
#[component]
pub(crate) fn ConfirmPage() -> impl IntoView {
    let form = Form::of::<ConfirmEmail>("confirm", &[]);
    let words = "One click, and we know that mail about your assistants reaches you.";
    page("Confirm your address", words, form, "Confirm my address")
}

/// Confirms the address that an account is to have.
#[component]
pub(crate) fn ConfirmChangePage() -> impl IntoView {
    let form = Form::of::<ConfirmEmailChange>("confirm-change", &[]);
    let words = "From then on mail goes to the new address, and you sign in with it. The old one is told.";
    page("Confirm your new address", words, form, "Use the new address")
}

fn page(title: &'static str, words: &'static str, form: Form, button: &'static str) -> AnyView {
    let content = match token() {
        _ if is_done() => {
            view! { <p><a class="button" href="/assistants">"To your assistants"</a></p> }.into_any()
        }
        None => incomplete(),
        Some(token) => view! {
            <p>{words}</p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <Submit label=button busy="One moment…"/>
            </PostForm>
            <p>"Is the link used or too old? " <a href="/settings">"Have another one sent"</a></p>
        }
        .into_any(),
    };
    view! {
        <Head title description="What the link in the mail is for."/>
        <div class="narrow">
            <h1>{title}</h1>
            <Done/>
            {content}
        </div>
    }
    .into_any()
}
