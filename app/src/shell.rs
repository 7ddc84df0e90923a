//! The HTML document around every page, with its two inline scripts.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use serde::Deserialize;

use crate::app::App;

/// Converts times to the reader's time zone before the page is painted: the server does not know the zone and writes UTC. Parts that
/// are rendered later are announced by `reef:rendered`. The HTML of each region is saved first, because `browser::refresh` compares
/// it with what the server renders later.
const LOCAL_TIMES: &str = r#"(() => {
const language = /^en\b/.test(navigator.language) ? navigator.language : "en-US";
const format = (style) => new Intl.DateTimeFormat(language, style);
const formats = {
  day: format({ dateStyle: "medium" }),
  minute: format({ dateStyle: "medium", timeStyle: "short" }),
  second: format({ dateStyle: "medium", timeStyle: "medium" }),
};
const localize = (root) => {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.textContent = formats[time.dataset.local].format(new Date(time.dateTime));
  }
};
for (const region of document.querySelectorAll("[data-region]")) region.renderedHtml = region.innerHTML;
localize(document);
addEventListener("reef:rendered", (event) => localize(event.target));
})();"#;

/// The file names of the built site, as `manifest.json` in the site folder lists them. Each has a hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Assets {
    /// The JavaScript module that loads the WebAssembly, relative to `/pkg/`.
    pub js: String,
    /// The WebAssembly, relative to `/pkg/`.
    pub wasm: String,
    /// The style sheet, relative to `/pkg/`.
    pub css: String,
}

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
                <script nonce=use_nonce()>{LOCAL_TIMES}</script>
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
        // The content security policy allows inline scripts only with the nonce of this response.
        <script type="module" r#async="" nonce=use_nonce()>{hydration_script(assets)}</script>
    }
}

/// Both downloads start at once, and islands wake when the document is parsed. `<html data-live>` says that clicks reach the
/// WebAssembly: style sheets depend on it, and tests wait for it. Islands that `browser::refresh` renders later are announced by
/// `reef:rendered`. If loading fails, `<html data-plain>` brings back what pages without scripts have.
fn hydration_script(assets: &Assets) -> String {
    let Assets { js, wasm, .. } = assets;
    format!(
        r#"try {{
const wasm = fetch("/pkg/{wasm}");
const reef = await import("/pkg/{js}");
await reef.default({{ module_or_path: wasm }});
if (document.readyState === "loading") await new Promise((parsed) => addEventListener("DOMContentLoaded", parsed));
reef.start();
const wake = (root) => {{
  for (const island of root.querySelectorAll("leptos-island:not([data-awake])")) {{
    island.dataset.awake = "";
    reef[island.dataset.component](island);
  }}
}};
wake(document);
addEventListener("reef:rendered", (event) => wake(event.target));
document.documentElement.dataset.live = "";
}} catch (error) {{
  document.documentElement.dataset.plain = "";
  throw error;
}}"#
    )
}
