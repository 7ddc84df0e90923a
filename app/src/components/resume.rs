//! The way back to a checkout that was left.

use leptos::prelude::*;

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::buying::ResumeCheckout;

/// A button that leads to the checkout of an unpaid slot. A page may have one for each of several slots.
#[component]
pub fn Resume(
    /// The slot.
    #[prop(into)]
    id: String,
    /// What the button says.
    label: &'static str,
    /// What it says to those who do not see what it stands beside.
    #[prop(optional, into)]
    spoken: Option<String>,
    /// Its style.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let form = Form::of::<ResumeCheckout>("resume", &[]).about("id", &id);
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <input type="hidden" name="id" value=id/>
            <Submit label busy="Opening the checkout…" class spoken=spoken.unwrap_or_else(|| label.to_owned())/>
        </PostForm>
    }
}
