//! `/confirm` and `/confirm-change`: what links in mails lead to. Looking at them changes nothing; their button does. A
//! browser that is not signed in with the account is asked for its password: who opened it may be a stranger to the
//! address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_service::Services;
use reef_service::accounts::LinkReader;

use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::notice::{Done, is_done};
use crate::components::page::{Head, drawn_or_failure};
use crate::error::AppError;
use crate::functions::mail::{ClaimAccount, ConfirmEmail, ConfirmEmailChange};
use crate::server::provided;
use crate::session::current_caller;

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

/// A page that a link leads to.
struct Words {
    title: &'static str,
    about: &'static str,
    button: &'static str,
    is_change: bool,
}

/// Confirms the address of an account.
#[component]
pub(crate) fn ConfirmPage() -> impl IntoView {
    page(Words {
        title: "Confirm your address",
        about: "One click, and we know that mail about your assistants reaches you.",
        button: "Confirm my address",
        is_change: false,
    })
}

/// Confirms the address that an account is to have.
#[component]
pub(crate) fn ConfirmChangePage() -> impl IntoView {
    page(Words {
        title: "Confirm your new address",
        about: "From then on mail goes to the new address, and you sign in with it. The old one is told.",
        button: "Use the new address",
        is_change: true,
    })
}

fn page(words: Words) -> AnyView {
    let title = words.title;
    view! {
        <Head title description="What the link in the mail is for."/>
        <div class="narrow">
            <h1>{title}</h1>
            <Done/>
            {drawn_or_failure(async move { content(&words).await })}
        </div>
    }
    .into_any()
}

async fn content(words: &Words) -> Result<AnyView, AppError> {
    if is_done() {
        let view = view! { <p><a class="button" href="/assistants">"To your assistants"</a></p> };
        return Ok(view.into_any());
    }
    let Some(token) = token() else { return Ok(incomplete()) };
    let services: Services = provided()?;
    let caller = current_caller().await?;
    let reader = services.link_reader(&token.as_str().into(), words.is_change, caller.as_ref()).await?;
    let asks = reader == LinkReader::Elsewhere;
    let claiming = Form::of::<ClaimAccount>("claim", &["password"]);
    // What was refused is said also when the link is used up by now.
    let claims = (asks || claiming.has_failed()) && !words.is_change;
    let claim = claims.then(|| claim(claiming, token.clone()));
    let nothing = (asks && words.is_change).then(|| {
        view! { <p>"If you did not ask for this, close this page: nothing changes then."</p> }
    });
    let view = view! {
        {confirm(words, token, asks)}
        {claim}
        {nothing}
        <p>"Is the link used or too old? " <a href="/settings">"Have another one sent"</a></p>
    };
    Ok(view.into_any())
}

fn confirm(words: &Words, token: String, asks: bool) -> AnyView {
    let fields = if asks { &["password"][..] } else { &[] };
    let form = if words.is_change {
        Form::of::<ConfirmEmailChange>("confirm-change", fields)
    } else {
        Form::of::<ConfirmEmail>("confirm", fields)
    };
    let password = asks.then(|| {
        view! {
            <p>"You are not signed in with this account in this browser. Its password shows that you opened it."</p>
            <TextField
                form
                name="password"
                path=&["password"]
                label="Password"
                kind="password"
                autocomplete="current-password"
            />
        }
    });
    let (about, button) = (words.about, words.button);
    view! {
        <p>{about}</p>
        <PostForm form>
            <Problem form/>
            <input type="hidden" name="token" value=token/>
            {password}
            <Submit label=button busy="One moment…"/>
        </PostForm>
    }
    .into_any()
}

/// For whoever did not open the account, or has forgotten its password.
fn claim(form: Form, token: String) -> AnyView {
    view! {
        <section class="card" aria-labelledby="not-me">
            <h2 id="not-me">"You did not open it, or forgot the password?"</h2>
            <p>
                "Choose a new password. The account is yours alone then: sessions, API keys and two-step sign-in from before end, "
                "and callbacks are signed with a new secret. If you want no account at Reef, close this page: nothing is confirmed."
            </p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <TextField
                    form
                    name="new_password"
                    path=&["password"]
                    label="New password"
                    kind="password"
                    autocomplete="new-password"
                    check="password"
                    hint="10 characters or more; a few words are easier to remember."
                />
                <Submit label="Set the password" busy="One moment…" class="quiet"/>
            </PostForm>
        </section>
    }
    .into_any()
}
