//! The inline scripts of pages, and their hashes. The content security policy allows these and no others.
//!
//! The hashes are computed from the texts here, and never from a rendered page: a script that got into a page by mistake would
//! otherwise be allowed, too.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use crate::assets::Assets;

/// Converts times to the reader's time zone before the page is painted, and keeps ages up to date: the server does not know the zone and writes UTC. Parts that
/// are rendered later are announced by `reef:rendered`. The HTML of each region is saved first, because `browser::refresh` compares
/// it with what the server renders later.
pub(crate) const LOCAL_TIMES: &str = r#"(() => {
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
const age = (ms) => {
  const minutes = Math.floor(ms / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return minutes + " min ago";
  if (minutes < 1440) return Math.floor(minutes / 60) + " h ago";
  return Math.floor(minutes / 1440) + (minutes < 2880 ? " day ago" : " days ago");
};
const keepAges = () => {
  for (const time of document.querySelectorAll("time[data-age]")) {
    time.textContent = age(Date.now() - new Date(time.dateTime));
  }
};
for (const region of document.querySelectorAll("[data-region]")) region.renderedHtml = region.innerHTML;
localize(document);
addEventListener("reef:rendered", (event) => localize(event.target));
setInterval(keepAges, 30000);
})();"#;

/// Going back, a browser may show a visitor's page as it has kept or stored it, without a request. If the reader has signed in
/// meanwhile, the server would send another page, which is not to be stored, and this loads it. The pages of users are never
/// stored, so that after signing out nothing is shown again.
pub(crate) const FRESH_AFTER_BACK: &str = r#"addEventListener("pageshow", async (event) => {
const [visit] = performance.getEntriesByType("navigation");
const wasStored = event.persisted || (visit?.type === "back_forward" && visit.transferSize === 0);
if (!wasStored || location.search || document.querySelector("form[action='/_fn/sign_out']")) return;
const now = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => undefined);
if (now?.headers.get("cache-control")?.includes("no-store")) location.reload();
});"#;

/// What Leptos writes behind every page: the data that islands would be hydrated with. Reef's pages load their data without Leptos'
/// resources, so this is always empty. Were it not, browsers would block it and the tests of all pages would fail.
const NO_RESOURCES: [&str; 2] = [
    "__RESOLVED_RESOURCES=[];__SERIALIZED_ERRORS=[];__PENDING_RESOURCES=[];__RESOURCE_RESOLVERS=[];",
    "__INCOMPLETE_CHUNKS=[];",
];

/// Both downloads start at once, and islands wake when the document is parsed. `<html data-live>` says that clicks reach the
/// WebAssembly: style sheets depend on it, and tests wait for it. Islands that `browser::refresh` renders later are announced by
/// `reef:rendered`. If loading fails, `<html data-plain>` brings back what pages without scripts have.
pub(crate) fn hydration_script(assets: &Assets) -> String {
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

/// The sources of all inline scripts, for `script-src`.
pub(crate) fn script_sources(assets: Option<&Assets>) -> String {
    let hydration = assets.map(hydration_script);
    let fixed = [LOCAL_TIMES, FRESH_AFTER_BACK].into_iter().chain(NO_RESOURCES);
    let sources: Vec<String> = fixed.chain(hydration.as_deref()).map(source).collect();
    sources.join(" ")
}

fn source(script: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(script)))
}

#[cfg(test)]
mod tests {
    use super::{Assets, script_sources, source};

    /// The example of the specification (CSP Level 3, 1.2.2).
    #[test]
    fn source_is_base64_of_sha256() {
        let known = "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='";
        assert_eq!(source("alert('Hello, world.');"), known);
    }

    #[test]
    fn hydration_script_is_allowed_if_site_was_built() {
        let assets = Assets { js: "a.js".to_owned(), wasm: "a.wasm".to_owned(), css: "a.css".to_owned() };
        let (plain, built) = (script_sources(None), script_sources(Some(&assets)));
        assert_eq!((plain.matches("sha256-").count(), built.matches("sha256-").count()), (4, 5));
        assert!(built.starts_with(&plain));
    }
}
