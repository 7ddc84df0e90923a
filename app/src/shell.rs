//! The HTML document around every page.

use leptos::prelude::*;
use leptos_meta::MetaTags;

use crate::app::App;
use crate::assets::Assets;
use crate::scripts::{FRESH_AFTER_BACK, LOCAL_TIMES, hydration_script};

/// Renders the whole document for one request.
///
/// Without `assets`, because the site was never built, the page is plain HTML. Every flow works without JavaScript.
pub fn shell(assets: Option<Assets>) -> impl IntoView {
    // Only islands are hydrated, so the page needs no markers for hydration.
    if let Some(context) = Owner::current_shared_context() {
        context.set_is_hydrating(false);
    }
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#fbfaf7"/>
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#10191d"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="apple-touch-icon" href="/apple-touch-icon.png"/>
                {assets.map(|assets| asset_tags(&assets))}
                <MetaTags/>
            </head>
            <body>
                <App/>
                <script>{LOCAL_TIMES}</script>
                <script>{FRESH_AFTER_BACK}</script>
            </body>
        </html>
    }
}

/// The style sheet and the hydration script.
///
/// Leptos' `HydrationScripts` is not used: it needs cargo-leptos' file names, and even browsers without scripts would download the
/// WebAssembly.
fn asset_tags(assets: &Assets) -> impl IntoView + use<> {
    let css = format!("/pkg/{}", assets.css);
    view! {
        <link rel="stylesheet" href=css/>
        <script type="module" r#async="">{hydration_script(assets)}</script>
    }
}
