//! `/confirm` and `/confirm-change`: what links in mails lead to. Looking at them changes nothing; their button does. A
//! browser that is not signed in with the account is asked for its password: who opened it may be a stranger to the
//! address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_service::accounts::LinkReader;
use reef_service::{Caller, Services};

use crate::components::field::{NewPasswordField, TextField};
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

/// For a link that does nothing any more: no form can be sent with it.
pub(super) fn over() -> AnyView {
    view! { <p class="notice warn">"This link was already used or has expired."</p> }.into_any()
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
        about: "Mail goes to the new address from then on, and you sign in with it. We notify the old address.",
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
    if reader == LinkReader::Nobody {
        return used(words, &services, caller.as_ref()).await;
    }
    let asks = reader == LinkReader::Elsewhere;
    let claiming = Form::of::<ClaimAccount>("claim", &["password"]);
    let claim = (asks && !words.is_change).then(|| claim(claiming, token.clone()));
    let nothing = (asks && words.is_change).then(|| {
        view! { <p>"Didn't request this? Close this page. Nothing changes."</p> }
    });
    let view = view! {
        {confirm(words, token, asks)}
        {claim}
        {nothing}
    };
    Ok(view.into_any())
}

/// A link that does nothing any more, and what there is to do instead.
async fn used(words: &Words, services: &Services, caller: Option<&Caller>) -> Result<AnyView, AppError> {
    let account = match caller {
        Some(caller) => services.account(caller.user_id).await?,
        None => None,
    };
    let next = match account {
        Some(account) if account.email_confirmed && !words.is_change => view! {
            <p>"Your email is confirmed: there is nothing left to do."</p>
            <p><a class="button" href="/assistants">"To your assistants"</a></p>
        }
        .into_any(),
        Some(account) => {
            view! { <p>"You sign in with " <strong>{account.email}</strong> ". " <a href="/settings#email">"Send a new link"</a></p> }
                .into_any()
        }
        None => view! { <p><a href="/signin?next=/settings">"Sign in to send a new link"</a></p> }.into_any(),
    };
    Ok(view! { {over()} {next} }.into_any())
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
            <p>"This browser isn't signed in to this account. Enter the account's password to show that you opened it."</p>
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
    // Also where nothing is asked: the session may end before the form is sent.
    let marker = (!words.is_change).then(|| view! { <input type="hidden" name="asks" value="true"/> });
    let (about, button) = (words.about, words.button);
    // One of two cards then: the other one is for an owner of the address who does not know the password.
    let class = asks.then_some("card");
    view! {
        <p>{about}</p>
        <div class=class>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                {marker}
                {password}
                <Submit label=button busy="One moment…"/>
            </PostForm>
        </div>
    }
    .into_any()
}

/// For an owner of the address who did not open the account, or has forgotten its password.
fn claim(form: Form, token: String) -> AnyView {
    view! {
        <section class="card" aria-labelledby="not-me">
            <h2 id="not-me">"Didn't open this account, or forgot the password?"</h2>
            <p>
                "Choose a new password to make the account yours alone: existing sessions, API keys and two-step sign-in end, "
                "and callbacks get a new signing secret. Don't want an account at Reef? Close this page. Nothing is confirmed."
            </p>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <NewPasswordField form name="new_password"/>
                <Submit label="Set the password" busy="One moment…" class="quiet"/>
            </PostForm>
        </section>
    }
    .into_any()
}
