//! Any path without a page.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says that there is no such page; the server's answer has status 404.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(axum::http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found"/>
        <h1>"There is no such page"</h1>
        <p>"The address may be mistyped, or what it showed is gone."</p>
        <p><a href="/">"To the start page"</a></p>
    }
}
