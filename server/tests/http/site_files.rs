//! Files with fixed names, such as `robots.txt`, and the metadata of pages.

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::pages::page;
use crate::sessions::session_cookie;
use crate::support::App;

async fn get(app: &App, path: &str) -> (u16, String, Vec<u8>) {
    let answer = app.http.get(app.url(path)).send().await.expect("the request failed");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let kind =
        headers.get(CONTENT_TYPE).map(|kind| kind.to_str().expect("the header is not ASCII").to_owned());
    if status == 200 {
        assert!(headers.contains_key(CACHE_CONTROL), "{path}");
    }
    (status, kind.unwrap_or_default(), answer.bytes().await.expect("the response is incomplete").to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn icon_robots_and_sitemap_exist() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    let (status, kind, icon) = get(&app, "/favicon.ico").await;
    assert_eq!((status, &*kind, &icon[..4]), (200, "image/x-icon", &[0, 0, 1, 0][..]));
    let (status, kind, icon) = get(&app, "/apple-touch-icon.png").await;
    assert_eq!((status, &*kind, &icon[1..4]), (200, "image/png", &b"PNG"[..]));
    // Width and height, which the format stores in its first chunk.
    assert_eq!((&icon[16..20], &icon[20..24]), (&180_u32.to_be_bytes()[..], &180_u32.to_be_bytes()[..]));
    assert!(icon.len() < 8 * 1024, "{}", icon.len());

    let (status, kind, robots) = get(&app, "/robots.txt").await;
    let robots = String::from_utf8(robots).unwrap();
    assert_eq!((status, &*kind), (200, "text/plain; charset=utf-8"));
    for line in [
        "User-agent: *",
        "Disallow: /api/",
        "Disallow: /_fn/",
        "Disallow: /reset",
        "Sitemap: https://reef.example/sitemap.xml",
    ] {
        assert!(robots.lines().any(|found| found == line), "{line}: {robots}");
    }

    let (status, kind, map) = get(&app, "/sitemap.xml").await;
    let map = String::from_utf8(map).unwrap();
    assert_eq!((status, &*kind), (200, "application/xml; charset=utf-8"));
    let urls: Vec<&str> = map.split("<loc>").skip(1).filter_map(|rest| rest.split("</loc>").next()).collect();
    for path in ["/", "/signup", "/docs", "/docs/quick-start"] {
        assert!(urls.contains(&&*format!("https://reef.example{path}")), "{path}: {urls:?}");
    }
    // Every entry is a public page that robots may read.
    for place in urls {
        let path = place.strip_prefix("https://reef.example").expect("the URL leads to another site");
        assert_eq!(get_page(&app, path).await, 200, "{path}");
        let hidden = robots.lines().filter_map(|line| line.strip_prefix("Disallow: "));
        assert!(hidden.into_iter().all(|hidden| !path.starts_with(hidden)), "{path}");
    }
}

async fn get_page(app: &App, path: &str) -> u16 {
    app.http.get(app.url(path)).send().await.expect("the request failed").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn sitemap_with_closed_signups_omits_signup() {
    let app = App::start_with(&[("SIGNUPS", "closed")]).await;
    let (_, _, map) = get(&app, "/sitemap.xml").await;
    assert!(!String::from_utf8(map).unwrap().contains("/signup"));
}

/// Returns the content of the page's `<meta>` element with this name or property.
fn meta<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let tags = page.split("<meta ").skip(1).filter_map(|rest| rest.split('>').next());
    let tag = tags.into_iter().find(|tag| {
        tag.contains(&format!("property=\"{name}\"")) || tag.contains(&format!("name=\"{name}\""))
    })?;
    tag.split("content=\"").nth(1)?.split('"').next()
}

#[tokio::test(flavor = "multi_thread")]
async fn public_pages_have_social_card() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    for (path, title) in
        [("/", "Launch an AI assistant on Telegram"), ("/signup", "Sign up"), ("/docs", "API")]
    {
        let shown = page(&app, "", path).await;
        let found = |name| meta(&shown, name).unwrap_or_else(|| panic!("{path}: no {name}"));
        assert!(found("og:title").contains(title), "{path}: {}", found("og:title"));
        assert!(!found("og:description").is_empty() && found("og:type") == "website");
        assert_eq!(found("og:url"), format!("https://reef.example{path}"));
        assert_eq!(found("twitter:card"), "summary_large_image");
        assert!(!found("og:image:alt").is_empty());
        let image =
            found("og:image").strip_prefix("https://reef.example").expect("the URL leads to another site");
        let (status, kind, bytes) = get(&app, image).await;
        assert_eq!((status, &*kind, &bytes[1..4]), (200, "image/png", &b"PNG"[..]), "{path}");
        let side = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()).to_string();
        assert_eq!((found("og:image:width"), found("og:image:height")), (&*side(16), &*side(20)), "{path}");
        assert!(bytes.len() < 300 * 1024, "{}", bytes.len());
    }
    // Pages of signed-in users have no card.
    let own = page(&app, &session_cookie(&app, app.user().await).await, "/keys").await;
    assert_eq!(meta(&own, "og:title"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_end_with_html_tag() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    for path in ["/", "/signin", "/docs", "/assistants", "/keys", "/settings", &format!("/assistants/{id}")] {
        let shown = page(&app, &cookie, path).await;
        let (_, after) = shown.split_once("</html>").expect("the closing tag is missing");
        assert_eq!(after.trim(), "", "{path}");
    }
    let gone = app.http.get(app.url("/nothing")).send().await.unwrap().text().await.unwrap();
    assert!(gone.trim_end().ends_with("</html>"), "{gone}");
}
