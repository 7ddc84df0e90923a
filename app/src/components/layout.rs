//! The header and footer of every page.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::page::render;
use crate::functions::account::{HeaderData, SignOut, header_data};
use crate::functions::mail::ResendConfirmation;
use crate::request::request_path;

/// The page that confirms an email.
const CONFIRM_PATH: &str = "/confirm";

/// The sandbox banner, the navigation, and the reminder to confirm the email.
#[component]
pub fn SiteHeader() -> impl IntoView {
    render(async {
        let frame = header_data().await.ok();
        let sandbox = frame.as_ref().is_some_and(|frame| frame.sandbox);
        // The page that the confirmation link opens has the button itself.
        let is_confirming = request_path() == CONFIRM_PATH;
        let is_unconfirmed = !is_confirming && frame.as_ref().is_some_and(|frame| frame.is_unconfirmed);
        view! {
            {sandbox.then(|| view! { <SandboxBanner/> })}
            <header class="site-header">
                <a class="brand" href="/">
                    <Logo/>
                    "Reef"
                </a>
                {frame.map(|frame| view! { <Navigation frame/> })}
            </header>
            {is_unconfirmed.then(|| view! { <ConfirmEmailBanner/> })}
        }
        .into_any()
    })
}

/// Reef's logo, in the color of the text.
#[component]
fn Logo() -> impl IntoView {
    view! {
        <svg class="logo" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
            <path d="M4 20c0-5 2-6 2-9m-3-2c1 2 3 2 3 2m6 9c0-7-1-8-1-14m-3 4c2 1 3 3 3 3m3-6c-2 2-3 5-3 5m9 8c0-4-2-5-2-8m4-3c-1 3-4 3-4 3"/>
        </svg>
    }
}

#[component]
fn SandboxBanner() -> impl IntoView {
    view! {
        <aside class="sandbox-banner" aria-label="Sandbox">
            "Sandbox mode. Payments, bots, models and email are simulated. " <a href="/sandbox/">"Open sandbox tools"</a>
        </aside>
    }
}

/// Says what an unconfirmed email means, with a button that sends the link again.
#[component]
fn ConfirmEmailBanner() -> impl IntoView {
    let form = Form::of::<ResendConfirmation>("resend-link", &[]);
    view! {
        <aside class="confirm-email" aria-label="Your email">
            <p>
                "Confirm your email. Until you do, a password reset revokes your API keys, turns off two-factor and replaces your "
                "signing secret."
            </p>
            <PostForm form class="inline">
                <GlobalFormError form/>
                <Submit label="Resend confirmation email" busy="Sending…" class="quiet small"/>
            </PostForm>
        </aside>
    }
}

/// The error of a form that is on every page. It has the role `alert` only when there is an error, so that pages without one have
/// no alert.
#[component]
fn GlobalFormError(form: Form) -> impl IntoView {
    if form.has_failed() {
        view! { <FormErrorMessage form/> }.into_any()
    } else {
        view! { <div class="problem" data-problem="" aria-live="assertive"></div> }.into_any()
    }
}

#[component]
fn Navigation(frame: HeaderData) -> impl IntoView {
    match frame.email {
        Some(email) => view! {
            <nav aria-label="Main">
                <A href="/assistants">"Assistants"</A>
                <A href="/keys">"API keys"</A>
                <A href="/billing">"Billing"</A>
                <A href="/docs">"Docs"</A>
            </nav>
            <div class="account">
                <A href="/settings">
                    <span class="email">{email}</span>
                    <span class="visually-hidden">", settings"</span>
                </A>
                <SignOutForm/>
            </div>
        }
        .into_any(),
        None => view! {
            <nav aria-label="Main">
                <A href="/docs">"Docs"</A>
                <A href="/signin" attr:class="sign-in-link">"Sign in"</A>
                {frame.signups_open.then(|| view! { <A href="/signup">"Sign up"</A> })}
            </nav>
        }
        .into_any(),
    }
}

#[component]
fn SignOutForm() -> impl IntoView {
    let form = Form::of::<SignOut>("sign-out", &[]);
    view! {
        <PostForm form class="inline">
            <GlobalFormError form/>
            <Submit label="Sign out" busy="Signing out…" class="quiet small"/>
        </PostForm>
    }
}

/// The footer of every page.
#[component]
pub fn SiteFooter() -> impl IntoView {
    view! {
        <footer class="site-footer">
            <nav aria-label="Footer">
                <a href="/docs">"Docs"</a>
                <a href="/#pricing">"Pricing"</a>
                <a href="/llms.txt">"llms.txt"</a>
            </nav>
        </footer>
    }
}
