//! `/confirm` and `/confirm-change`: the pages that links in emails lead to. Opening them changes nothing, because programs that scan
//! emails open links too; the button does. A browser that is not signed in to the account has to give its password, because the
//! account may have been created by someone who does not own the address.

use leptos::prelude::*;
use reef_service::accounts::LinkAccess;
use reef_service::{Caller, Services};

use crate::components::error_page::render_or_error;
use crate::components::field::{NewPasswordField, PasswordField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::error::AppError;
use crate::flash;
use crate::functions::mail::{ClaimAccount, ConfirmEmail, ConfirmEmailChange};
use crate::request::query_value;
use crate::server::get_context;
use crate::session::find_current_caller;

/// Finds the token of the link.
pub(super) fn token() -> Option<String> {
    query_value("token").filter(|token| !token.is_empty())
}

/// For a link without its token: some email programs truncate links.
pub(super) fn incomplete() -> AnyView {
    view! {
        <p class="notice warn">
            "This link is incomplete. Open it directly from the email."
        </p>
    }
    .into_any()
}

/// For a link that is no longer valid.
pub(super) fn expired() -> AnyView {
    view! { <p class="notice warn">"This link was already used or has expired."</p> }.into_any()
}

/// The texts of one of the two pages.
struct Texts {
    title: &'static str,
    about: &'static str,
    button: &'static str,
    is_change: bool,
}

/// Confirms the email of an account.
#[component]
pub(crate) fn ConfirmPage() -> impl IntoView {
    page(Texts {
        title: "Confirm your email",
        about: "Confirm your email to receive alerts about your assistants.",
        button: "Confirm email",
        is_change: false,
    })
}

/// Confirms the new email of an account.
#[component]
pub(crate) fn ConfirmChangePage() -> impl IntoView {
    page(Texts {
        title: "Confirm your new email",
        about: "After this, you sign in with the new address and get alerts there. We notify the old address.",
        button: "Change email",
        is_change: true,
    })
}

fn page(texts: Texts) -> AnyView {
    let title = texts.title;
    view! {
        <Head title description="Confirm an email address of your Reef account."/>
        <div class="narrow">
            <h1>{title}</h1>
            <Notice/>
            {render_or_error(async move { content(&texts).await })}
        </div>
    }
    .into_any()
}

async fn content(texts: &Texts) -> Result<AnyView, AppError> {
    if flash::notice().is_some() {
        let view = view! { <p><a class="button" href="/assistants">"Go to dashboard"</a></p> };
        return Ok(view.into_any());
    }
    let services: Services = get_context()?;
    let caller = find_current_caller().await?;
    let Some(token) = token() else {
        // The page after the confirmation, when it is reloaded.
        let is_done = !texts.is_change && has_confirmed_email(&services, caller.as_ref()).await?;
        return Ok(if is_done { already_confirmed() } else { incomplete() });
    };
    let reader = services.link_access(&token.as_str().into(), texts.is_change, caller.as_ref()).await?;
    if reader == LinkAccess::Invalid {
        return expired_link(texts, &services, caller.as_ref()).await;
    }
    let needs_password = reader == LinkAccess::PasswordRequired;
    let claiming = Form::of::<ClaimAccount>("claim", &["password"]);
    let claim = (needs_password && !texts.is_change).then(|| claim(claiming, token.clone()));
    let nothing = (needs_password && texts.is_change).then(|| {
        view! { <p>"Didn’t request this? Close this page, and nothing changes."</p> }
    });
    let view = view! {
        {confirm(texts, token, needs_password)}
        {claim}
        {nothing}
    };
    Ok(view.into_any())
}

async fn has_confirmed_email(services: &Services, caller: Option<&Caller>) -> Result<bool, AppError> {
    let Some(caller) = caller else { return Ok(false) };
    Ok(services.find_account(caller.user_id).await?.is_some_and(|account| account.email_confirmed))
}

fn already_confirmed() -> AnyView {
    view! {
        <p>"Your email is already confirmed."</p>
        <p><a class="button" href="/assistants">"Go to dashboard"</a></p>
    }
    .into_any()
}

/// For a link that is no longer valid, with what to do instead.
async fn expired_link(
    texts: &Texts,
    services: &Services,
    caller: Option<&Caller>,
) -> Result<AnyView, AppError> {
    let account = match caller {
        Some(caller) => services.find_account(caller.user_id).await?,
        None => None,
    };
    let (again, sign_in) = if texts.is_change {
        ("Change your email again", "Sign in to change your email again")
    } else {
        ("Resend confirmation email", "Sign in to resend the confirmation email")
    };
    let next = match account {
        Some(account) if account.email_confirmed && !texts.is_change => already_confirmed(),
        Some(account) => {
            view! { <p>"You sign in with " <strong>{account.email}</strong> ". " <a href="/settings#email">{again}</a></p> }
                .into_any()
        }
        None => view! { <p><a href="/signin?next=/settings">{sign_in}</a></p> }.into_any(),
    };
    Ok(view! { {expired()} {next} }.into_any())
}

fn confirm(texts: &Texts, token: String, needs_password: bool) -> AnyView {
    let fields = if needs_password { &["password"][..] } else { &[] };
    let form = if texts.is_change {
        Form::of::<ConfirmEmailChange>("confirm-change", fields)
    } else {
        Form::of::<ConfirmEmail>("confirm", fields)
    };
    let password = needs_password.then(|| {
        view! {
            <p>"You’re not signed in to this account. For your security, enter its password."</p>
            <PasswordField form/>
        }
    });
    // Sent even without a password field, because the session may end before the form is sent.
    let marker = (!texts.is_change).then(|| view! { <input type="hidden" name="asks" value="true"/> });
    let (about, button) = (texts.about, texts.button);
    // The second card is for an owner of the address who does not know the password.
    let class = needs_password.then_some("card");
    view! {
        <p>{about}</p>
        <div class=class>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="token" value=token/>
                {marker}
                {password}
                <Submit label=button busy="Confirming…"/>
            </PostForm>
        </div>
    }
    .into_any()
}

/// For an owner of the address who did not create the account, or has forgotten its password.
fn claim(form: Form, token: String) -> AnyView {
    view! {
        <section class="card" aria-labelledby="not-me">
            <h2 id="not-me">"Didn’t create this account, or forgot the password?"</h2>
            <p>
                "Choose a new password, so that only you can sign in. This signs out all devices, revokes all API keys, turns off "
                "two-factor and replaces the signing secret. Don’t want a Reef account? Close this page, and nothing is confirmed."
            </p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="token" value=token/>
                <NewPasswordField form name="new_password"/>
                <Submit label="Set new password" busy="Setting…" class="quiet"/>
            </PostForm>
        </section>
    }
    .into_any()
}
