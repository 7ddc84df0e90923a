//! Trying a form's bot and model before anything is deployed.

use leptos::prelude::*;
use server_fn::ServerFn as _;

use crate::findings::Finding;
use crate::functions::activation;

/// The button that has the form's bot and model tried. The form has the fields of an activation, of which any may be
/// empty, and a [`Found`] for each thing that is tried.
#[component]
pub fn CheckFirst() -> impl IntoView {
    view! {
        <button
            type="submit"
            class="quiet"
            formaction=activation::Preflight::PATH
            formnovalidate
            data-finds=""
            data-busy="Checking, some seconds…"
        >
            "Check first"
        </button>
    }
}

/// The place where it is said what was found of one thing. Always there, so that it is read out when it fills.
#[component]
pub fn Found(
    /// What the API calls it.
    about: &'static str,
    /// What was found, without scripts.
    #[prop(optional)]
    findings: Vec<Finding>,
) -> impl IntoView {
    let found = findings.into_iter().find(|finding| finding.about == about);
    let found = found.map(|Finding { good, words, picture, .. }| {
        view! {
            <p class=if good { "finding good" } else { "finding bad" }>
                {picture.map(|picture| view! { <img src=picture alt="" width="32" height="32"/> })} {words}
            </p>
        }
    });
    view! { <div role="status" data-finding=about>{found}</div> }
}
