//! Any path without a page.

use axum::http::StatusCode;
use leptos::prelude::*;

use crate::components::page::Head;
use leptos_axum::ResponseOptions;

/// Says that there is no such page; the server's answer has status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
    view! {
        <Head title="Not found" description="There is no such page on Reef."/>
        <h1>"There is no such page"</h1>
        <p>"The address may be mistyped, or what it showed is gone."</p>
        <p><a href="/">"To the start page"</a></p>
    }
}
