//! `/assistants/new`: buying a slot.

use leptos::prelude::*;
use leptos_meta::Title;
use reef_domain::ErrorCode;

use crate::components::drawn::waiting;
use crate::components::failure::Failure;
use crate::components::field::Choices;
use crate::components::form::{Form, PostForm, Problem, Submit};
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
    let form = Form::leaving::<Purchase>("purchase", &["apiMode"]);
    view! {
        <Title text="Buy a slot"/>
        {waiting("Loading…", move || async move {
                    match frame.await.map(|frame| frame.email) {
                        Ok(Some(_)) => view! { <Order form/> }.into_any(),
                        Ok(None) => {
                            let error = AppError::new(ErrorCode::Unauthorized, "Sign in to do this.");
                            view! { <Failure error/> }.into_any()
                        }
                        Err(error) => view! { <Failure error/> }.into_any(),
                    }
        })}
    }
}

#[component]
fn Order(form: Form) -> impl IntoView {
    view! {
        <h1>"Buy a slot"</h1>
        <p>
            "A slot is the place for one assistant, paid by the month. You pay on the next page; then you give the "
            "assistant its name, its bot and its model."
        </p>
        <PostForm form>
            <Problem form/>
            <Choices form name="api_mode" path=&["apiMode"] label="Whose model key will it use?" options=&MODES/>
            <Submit form label="Continue to checkout" busy="Preparing the checkout…"/>
        </PostForm>
    }
    .into_any()
}
