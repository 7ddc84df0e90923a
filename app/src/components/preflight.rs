//! The check of a form’s bot and model before anything is deployed.

use leptos::prelude::*;
use reef_frontend::CheckResult;
use server_fn::ServerFn as _;

use crate::functions::activation;

/// The button that checks the form's bot and model. The form has the fields of an activation, any of which may be empty, and a
/// [`CheckMessage`] for each result.
#[component]
pub(crate) fn TestConnection() -> impl IntoView {
    view! {
        <button
            type="submit"
            class="quiet"
            formaction=activation::Preflight::PATH
            formnovalidate
            data-finds=""
            data-busy="Testing…"
        >
            "Test connection"
        </button>
    }
}

/// The place for the result about one field. It is always in the page, so that screen readers read it out when it is filled.
#[component]
pub(crate) fn CheckMessage(
    /// The field, as the API names it.
    about: &'static str,
    /// The results of a check that was made without JavaScript.
    #[prop(optional)]
    results: Vec<CheckResult>,
) -> impl IntoView {
    let found = results.into_iter().find(|result| result.about == about);
    let found = found.map(|CheckResult { good, words, picture, .. }| {
        view! {
            <p class=if good { "check-result good" } else { "check-result bad" }>
                {picture.map(|picture| view! { <img src=picture alt="" width="32" height="32"/> })} {words}
            </p>
        }
    });
    view! { <div role="status" data-check-result=about>{found}</div> }
}
