//! What a page is drawn with: its data first, then its words.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use crate::components::failure::Failure;
use crate::error::AppError;

/// What a page is called, and what it is in a sentence, for search engines. Every page has one.
#[component]
pub fn Head(#[prop(into)] title: String, #[prop(into)] description: String) -> impl IntoView {
    view! {
        <Title text=title/>
        <Meta name="description" content=description/>
    }
}

/// A part that waits for its data. The server sends nothing before it is there: status and redirects are known then.
pub fn drawn<F>(view: F) -> impl IntoView
where
    F: Future<Output = AnyView> + Send + 'static,
{
    view! { <Suspense>{Suspend::new(view)}</Suspense> }.into_any()
}

/// A part that waits for its data, or shows why there is none.
pub fn drawn_or_failure<F>(view: F) -> impl IntoView
where
    F: Future<Output = Result<AnyView, AppError>> + Send + 'static,
{
    drawn(async move {
        match view.await {
            Ok(view) => view,
            Err(error) => view! { <Failure error/> }.into_any(),
        }
    })
}

/// A part of a page that follows what happens: drawn anew in the browser whenever there is news. Its content is kept
/// while somebody fills in a form in it, unless `key` has changed.
#[component]
pub fn Region(
    /// Its name, once on a page.
    name: &'static str,
    /// What its forms are for.
    #[prop(optional, into)]
    key: String,
    /// Whether changes are read out.
    #[prop(optional)]
    spoken: bool,
    children: Children,
) -> impl IntoView {
    view! { <div data-region=name data-key=key aria-live=spoken.then_some("polite")>{children()}</div> }
}
