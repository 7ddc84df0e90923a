//! `/assistants/new`: buying a slot.

use leptos::prelude::*;
use leptos_meta::Title;
use reef_domain::ErrorCode;
use server_fn::ServerFn;

use crate::components::failure::Failure;
use crate::components::field::Choices;
use crate::components::form::{Form, Problem, Submit, leaving_form};
use crate::components::frame::FrameData;
use crate::error::AppError;
use crate::functions::assistants::Purchase;

const MODES: [(&str, &str, &str); 2] = [
    (
        "byok",
        "Your own model key",
        "You bring an API key of Anthropic, OpenAI, Google or OpenRouter, and pay the provider for what it is used for.",
    ),
    ("managed", "Managed", "Reef brings the key and a credit for each period: you only choose a model."),
];

/// Whose model key it will use, then on to the checkout.
#[component]
pub(crate) fn NewAssistantPage() -> impl IntoView {
    let frame = expect_context::<FrameData>().0;
    let (form, leave) = leaving_form::<Purchase>("purchase", &["apiMode"]);
    view! {
        <Title text="Buy a slot"/>
        <Suspense fallback=|| view! { <p>"Loading…"</p> }>
            {move || {
                let leave = leave.clone();
                Suspend::new(async move {
                    match frame.await.map(|frame| frame.email) {
                        Ok(Some(_)) => view! { <Order form leave/> }.into_any(),
                        Ok(None) => {
                            let error = AppError::new(ErrorCode::Unauthorized, "Sign in to do this.");
                            view! { <Failure error/> }.into_any()
                        }
                        Err(error) => view! { <Failure error/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

#[component]
fn Order(form: Form, leave: impl Fn(leptos::ev::SubmitEvent) + Clone + 'static) -> impl IntoView {
    view! {
        <h1>"Buy a slot"</h1>
        <p>
            "A slot is the place for one assistant, paid by the month. You pay on the next page; then you give the "
            "assistant its name, its bot and its model."
        </p>
        <form method="post" action=Purchase::url() on:submit=leave>
            <Problem form/>
            <Choices form name="api_mode" path=&["apiMode"] label="Whose model key will it use?" options=&MODES/>
            <Submit form label="Continue to checkout" busy="Preparing the checkout…"/>
        </form>
    }
}
