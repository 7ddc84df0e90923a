//! The HTML document around the pages.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use serde::Deserialize;

use crate::App;

/// Says moments in the reader's time zone, before the page has been seen: the server knows no time zone and says them in UTC.
/// A part that is drawn later is told of by `reef:drawn`. What the server has drawn into each region is kept at it, for
/// `browser::refresh` compares that with what it draws later.
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
for (const region of document.querySelectorAll("[data-region]")) region.drawn = region.innerHTML;
localize(document);
addEventListener("reef:drawn", (event) => localize(event.target));
})();"#;

/// The built site's file names, as `manifest.json` in the site folder lists them. Each carries a hash of its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Assets {
    /// The JavaScript module beside the WebAssembly, relative to `/pkg/`.
    pub js: String,
    /// The WebAssembly, relative to `/pkg/`.
    pub wasm: String,
    /// The style sheet, relative to `/pkg/`.
    pub css: String,
}

/// The whole document for one request.
///
/// Without `assets` (the site was never built) the page is plain HTML, and works: every flow does without JavaScript.
pub fn shell(assets: Option<Assets>) -> impl IntoView {
    // Pages are plain HTML: only inside islands does Leptos leave marks for hydration.
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
/// Ours instead of Leptos' `HydrationScripts`, which wants cargo-leptos' file names and makes a browser without
/// scripts download the WebAssembly all the same.
fn asset_tags(assets: &Assets) -> impl IntoView + use<> {
    let css = format!("/pkg/{}", assets.css);
    view! {
        <link rel="stylesheet" href=css/>
        // The nonce of this answer is all that the content security policy lets run inline.
        <script type="module" r#async="" nonce=use_nonce()>{hydration_script(assets)}</script>
    }
}

/// Both downloads start at once, islands wake only with the whole document. `<html data-live>` says that clicks reach
/// WebAssembly from now on: style may differ by it, and tests wait for it. What `browser::refresh` draws later is told of
/// by `reef:drawn`. Where it fails, a download that breaks off or a browser that refuses WebAssembly, `<html data-plain>`
/// brings back what pages without scripts have.
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
addEventListener("reef:drawn", (event) => wake(event.target));
document.documentElement.dataset.live = "";
}} catch (error) {{
  document.documentElement.dataset.plain = "";
  throw error;
}}"#
    )
}
