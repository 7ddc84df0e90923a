//! Files with fixed names that browsers, search engines and chat apps request from every site. They are embedded in the
//! binary, so they exist without a built site.

use std::fmt::Write as _;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use reef_app::SOCIAL_CARD;
use reef_docs::Docs;

const FAVICON: &[u8] = include_bytes!("../assets/favicon.ico");
/// What phones show for a page on the home screen. It fills its square, because phones cut the corners themselves.
const TOUCH_ICON: &[u8] = include_bytes!("../assets/apple-touch-icon.png");
const SOCIAL_CARD_PNG: &[u8] = include_bytes!("../assets/social-card.png");
/// The files change only with the binary.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// Paths that are not pages, and pages that only links in mails lead to. Pages of signed-in users need no entry, because a
/// crawler is redirected to the sign-in page.
const DISALLOWED_PATHS: [&str; 10] = [
    "/api/",
    "/_fn/",
    "/live/",
    "/sandbox/",
    "/webhooks/",
    "/workers/",
    "/confirm",
    "/goodbye",
    "/reset",
    "/styleguide",
];

/// Serves `/favicon.ico`, `/apple-touch-icon.png`, the social card, `/robots.txt` and `/sitemap.xml`.
pub fn router(public_url: &str, signups_open: bool, docs: &Docs) -> Router {
    let robots = robots(public_url);
    let map = sitemap(public_url, signups_open, docs);
    Router::new()
        .route("/favicon.ico", get(async || respond("image/x-icon", FAVICON)))
        .route("/apple-touch-icon.png", get(async || respond("image/png", TOUCH_ICON)))
        .route(SOCIAL_CARD.path, get(async || respond("image/png", SOCIAL_CARD_PNG)))
        .route("/robots.txt", get(async move || respond("text/plain; charset=utf-8", robots)))
        .route("/sitemap.xml", get(async move || respond("application/xml; charset=utf-8", map)))
}

fn respond(kind: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, CACHE_CONTROL)], body)
}

fn robots(public_url: &str) -> String {
    let mut text = "User-agent: *\n".to_owned();
    for path in DISALLOWED_PATHS {
        // Writing to a string never fails.
        let _ = writeln!(text, "Disallow: {path}");
    }
    text + &format!("\nSitemap: {public_url}/sitemap.xml\n")
}

/// Lists all public pages.
fn sitemap(public_url: &str, signups_open: bool, docs: &Docs) -> String {
    let own = ["/", "/signin"].into_iter().chain(signups_open.then_some("/signup"));
    let pages = docs.pages().iter().map(|page| page.path.as_str());
    let mut map = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                   <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
        .to_owned();
    for path in own.chain(pages) {
        // Of the characters that XML escapes, a parsed URL can only contain `&`.
        let place = format!("{public_url}{path}").replace('&', "&amp;");
        let _ = writeln!(map, "  <url><loc>{place}</loc></url>");
    }
    map + "</urlset>\n"
}
