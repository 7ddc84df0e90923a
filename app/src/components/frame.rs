//! What is around every page: banner, navigation, account.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::components::drawn::waiting;
use crate::components::form::{Form, PostForm, Submit};
use crate::error::AppError;
use crate::functions::account::{Frame, SignOut, load_frame};

/// The frame's data, for every page: one question to the server per visit.
#[derive(Clone, Copy)]
pub struct FrameData(pub Resource<Result<Frame, AppError>>);

/// Asks for the frame's data and gives it to everything below.
pub fn provide_frame() -> FrameData {
    let frame = FrameData(Resource::new(|| (), |()| load_frame()));
    provide_context(frame);
    frame
}

/// The banner of the sandbox and the header.
#[component]
pub fn SiteHeader() -> impl IntoView {
    let FrameData(frame) = provide_frame();
    waiting("", move || async move {
        let frame = frame.await.ok();
        let sandbox = frame.as_ref().is_some_and(|frame| frame.sandbox);
        view! {
            {sandbox.then(|| view! { <SandboxBanner/> })}
            <header class="site-header">
                <a class="brand" href="/">"Reef"</a>
                {frame.map(|frame| view! { <Navigation frame/> })}
            </header>
        }
        .into_any()
    })
}

#[component]
fn SandboxBanner() -> impl IntoView {
    view! {
        <p class="sandbox-banner" role="note">
            "Sandbox: no real money, no real messages. "
            <a href="/sandbox/" rel="external">"Look behind the scenes"</a>
        </p>
    }
    .into_any()
}

#[component]
fn Navigation(frame: Frame) -> impl IntoView {
    match frame.email {
        Some(email) => view! {
            <nav aria-label="Main">
                <A href="/assistants">"Assistants"</A>
                <A href="/keys">"API keys"</A>
            </nav>
            <div class="account">
                <span class="email">{email}</span>
                <SignOutForm/>
            </div>
        }
        .into_any(),
        None => view! {
            <nav aria-label="Main">
                <A href="/signin">"Sign in"</A>
                {frame.signups_open.then(|| view! { <A href="/signup">"Sign up"</A> })}
            </nav>
        }
        .into_any(),
    }
}

#[component]
fn SignOutForm() -> impl IntoView {
    let form = Form::leaving::<SignOut>("sign-out", &[]);
    view! {
        <PostForm form>
            <Submit form label="Sign out" busy="Signing out…"/>
        </PostForm>
    }
    .into_any()
}
