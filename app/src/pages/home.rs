//! `/`: what a visitor sees first.

use leptos::prelude::*;

use crate::components::drawn::waiting;
use crate::components::frame::FrameData;

/// The start page.
#[component]
pub(crate) fn HomePage() -> impl IntoView {
    let frame = expect_context::<FrameData>().0;
    view! {
        <h1>"Your own assistant on Telegram"</h1>
        <p>
            "Buy a slot, give it a bot and a model, and talk to it. Reef runs the worker, watches over it and tells your "
            "own server when something changes. Everything here can be done by program as well."
        </p>
        {waiting("", move || async move {
            let frame = frame.await.ok();
            let signed_in = frame.as_ref().is_some_and(|frame| frame.email.is_some());
            let open = frame.is_some_and(|frame| frame.signups_open);
            if signed_in {
                view! { <p><a class="button" href="/assistants">"Go to your assistants"</a></p> }.into_any()
            } else {
                view! {
                    <p class="actions">
                        {open.then(|| view! { <a class="button" href="/signup">"Sign up"</a> })}
                        <a class="button quiet" href="/signin">"Sign in"</a>
                    </p>
                }
                .into_any()
            }
        })}
    }
}
