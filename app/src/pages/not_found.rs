//! The page of any path that has none.

use axum::http::StatusCode;
use leptos::prelude::*;

use crate::components::page::Head;
use leptos_axum::ResponseOptions;

/// Sets the status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
    view! {
        <Head title="Page not found" description="This page does not exist on Reef."/>
        <h1>"Page not found"</h1>
        <p>"The link may be wrong, or the page was removed."</p>
        <p><a href="/assistants">"Go to dashboard"</a></p>
    }
}
