//! Pages that all visitors share, and who gets which page.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use reef_app::{Assets, PagePolicy, SiteInfo, SiteParts};
use reqwest::header::{CACHE_CONTROL, COOKIE, ETAG, HeaderMap, IF_NONE_MATCH, USER_AGENT, VARY};
use reqwest::{Method, Response, StatusCode};
use tower::ServiceExt as _;

use crate::content_security::assert_scripts_allowed;
use crate::pages::{page, submit};
use crate::sessions::{form_request, session_cookie};
use crate::support::{App, eventually};

/// What only the page of somebody who is signed in has.
const SIGN_OUT: &str = "action=\"/_fn/sign_out\"";

/// Starts a server and waits until its start page shows the prices, after which it no longer changes.
async fn start() -> App {
    let app = App::start().await;
    eventually("the prices to be read", async || {
        let html = get(&app, "/", &[]).await.text().await.ok()?;
        (html.matches(" / month").count() == 2).then_some(())
    })
    .await;
    app
}

/// The paths of all pages that visitors share.
fn shared_paths(app: &App) -> Vec<String> {
    let docs = reef_server::docs::build(&app.url(""));
    let docs = docs.pages().iter().map(|page| page.path.clone());
    let own = ["/", "/signin", "/signup", "/forgot", "/goodbye"].map(str::to_owned);
    own.into_iter().chain(docs).collect()
}

async fn get(app: &App, path: &str, headers: &[(&str, &str)]) -> Response {
    request(app, Method::GET, path, headers).await
}

async fn request(app: &App, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app.http.request(method, app.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("the request failed")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("the header is not ASCII"))
}

/// Asserts that a response is a page that only its reader may have, and returns it.
async fn own_page(response: Response, what: &str) -> String {
    assert_eq!(response.status(), 200, "{what}");
    assert_eq!(text(response.headers(), "cache-control"), "private, no-store", "{what}");
    assert!(!response.headers().contains_key(ETAG), "{what}");
    response.text().await.expect("the response is incomplete")
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_get_same_bytes_and_tag() {
    let app = start().await;
    for path in shared_paths(&app) {
        let first = get(&app, &path, &[]).await;
        let others = [
            (COOKIE.as_str(), "reef-device=abc; theme=dark"),
            (USER_AGENT.as_str(), "<script>another</script>"),
            ("x-forwarded-host", "evil.example"),
            ("accept", "application/json"),
        ];
        let second = get(&app, &path, &others).await;
        assert_eq!((first.status(), second.status()), (StatusCode::OK, StatusCode::OK), "{path}");
        let (mut of_first, mut of_second) = (first.headers().clone(), second.headers().clone());
        for of_request in ["x-request-id", "date"] {
            let (one, other) = (of_first.remove(of_request), of_second.remove(of_request));
            assert!(one.is_some() && other.is_some(), "{path}: {of_request}");
            assert!(of_request == "date" || one != other, "{path}");
        }
        assert_eq!(of_first, of_second, "{path}");
        assert_eq!(of_first[CACHE_CONTROL], "private, no-cache", "{path}");
        assert_eq!(of_first[VARY], "cookie", "{path}");
        assert_eq!(of_first["x-frame-options"], "DENY", "{path}");
        let html = first.text().await.unwrap();
        assert_eq!(html, second.text().await.unwrap(), "{path}");
        assert!(html.contains("href=\"/signin\"") && !html.contains(SIGN_OUT), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn known_tag_gets_304_with_headers_of_page() {
    let app = start().await;
    for path in ["/", "/signin", "/docs"] {
        let fresh = get(&app, path, &[]).await;
        let tag = text(fresh.headers(), "etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 16, "a strong tag: {tag}");
        let known = [(IF_NONE_MATCH.as_str(), &*tag)];
        for method in [Method::GET, Method::HEAD] {
            let again = request(&app, method, path, &known).await;
            assert_eq!(again.status(), 304, "{path}");
            // A browser replaces what it has stored by these, so a policy for responses that are no pages would break the page.
            for name in ["content-security-policy", "etag", "cache-control", "vary"] {
                assert_eq!(text(again.headers(), name), text(fresh.headers(), name), "{path}: {name}");
            }
            assert_eq!(again.text().await.unwrap(), "", "{path}");
        }
        let outdated = get(&app, path, &[(IF_NONE_MATCH.as_str(), "\"outdated\"")]).await;
        assert_eq!(outdated.status(), 200, "{path}");
        let head = request(&app, Method::HEAD, path, &[]).await;
        assert_eq!(text(head.headers(), "etag"), tag, "{path}");
        assert_eq!(head.text().await.unwrap(), "", "{path}");
    }
}

/// In any order, nobody gets the page of another kind of reader.
#[tokio::test(flavor = "multi_thread")]
async fn user_and_visitor_get_own_page_in_any_order() {
    let app = start().await;
    let me = session_cookie(&app, app.user().await).await;
    let with_session = [(COOKIE.as_str(), me.as_str())];
    for path in ["/", "/signin", "/signup", "/docs", "/docs/quick-start"] {
        // Except on the start page, the first request of all is the user's.
        let mine = own_page(get(&app, path, &with_session).await, path).await;
        assert!(mine.contains(SIGN_OUT), "{path}");
        let visitor = get(&app, path, &[]).await;
        let tag = text(visitor.headers(), "etag").to_owned();
        assert!(!visitor.text().await.unwrap().contains(SIGN_OUT), "{path}");
        // A browser that has stored the visitor's page asks with its tag after signing in.
        let signed_in = [with_session[0], (IF_NONE_MATCH.as_str(), &*tag)];
        assert_eq!(own_page(get(&app, path, &signed_in).await, path).await, mine, "{path}");
    }
    // Among other cookies, and after the session has ended.
    let among = format!("a=b; {me}; c=d");
    let mine = own_page(get(&app, "/", &[(COOKIE.as_str(), &*among)]).await, "/").await;
    assert!(mine.contains(SIGN_OUT));
    form_request(&app, "sign_out", &[]).header(COOKIE, &me).send().await.unwrap();
    let after = own_page(get(&app, "/", &with_session).await, "signed out").await;
    assert!(!after.contains(SIGN_OUT));
    assert!(text(get(&app, "/", &[]).await.headers(), "etag").len() > 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_is_for_its_reader_only() {
    const ERROR: &str = "Incorrect email or password";
    let app = App::start().await;
    let before = get(&app, "/signin", &[]).await.text().await.unwrap();
    let fields = [("email", "nobody@example.com"), ("password", "not a password")];
    let back = submit(&app, "", "/signin", "sign_in", &fields).await;
    assert_eq!(back, app.url("/signin"));
    let flash = app.flashes.all("");
    let shown = own_page(get(&app, "/signin", &[(COOKIE.as_str(), &*flash)]).await, "flash").await;
    assert!(shown.contains(ERROR) && shown.contains("nobody@example.com"));
    assert_eq!(get(&app, "/signin", &[]).await.text().await.unwrap(), before);
    // A page that shows no flash is not kept for others either.
    own_page(get(&app, "/docs", &[(COOKIE.as_str(), "reef-flash=made-up")]).await, "made up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn query_that_a_page_shows_is_for_its_reader_only() {
    let app = start().await;
    for path in ["/signin", "/signup"] {
        let before = get(&app, path, &[]).await.text().await.unwrap();
        let mine = own_page(get(&app, &format!("{path}?next=%2Fkeys"), &[]).await, path).await;
        assert!(mine.contains("value=\"/keys\""), "{path}");
        assert_eq!(get(&app, path, &[]).await.text().await.unwrap(), before, "{path}");
    }
    let plain = get(&app, "/", &[]).await;
    let campaign = get(&app, "/?utm_source=%22%3E%3Cscript%3E", &[]).await;
    assert_eq!(plain.headers()[ETAG], campaign.headers()[ETAG]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_closed_site_offer_no_sign_up() {
    let (open, closed) = (App::start().await, App::start_with(&[("SIGNUPS", "closed")]).await);
    for path in ["/", "/signin", "/docs"] {
        assert!(page(&open, "", path).await.contains("href=\"/signup"), "{path}");
        assert!(!page(&closed, "", path).await.contains("href=\"/signup"), "{path}");
    }
}

/// A site of the same services, whose prices the test refreshes.
fn site(app: &App) -> Router {
    let assets = Assets { js: "a.js".to_owned(), wasm: "a.wasm".to_owned(), css: "a.css".to_owned() };
    let url = app.url("");
    let parts = SiteParts {
        docs: Arc::clone(&reef_server::docs::build(&url)),
        policy: PagePolicy::new(&url, &format!("{url}/sandbox/polar"), Some(&assets)),
        assets: Some(assets),
        info: SiteInfo { sandbox: true, sandbox_bots: true },
    };
    reef_app::router(app.services.clone(), parts)
}

async fn visit(site: &Router, path: &str) -> (HeaderMap, String) {
    let response = site.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let headers = response.headers().clone();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn new_price_is_shown_at_once() {
    const PRICE: &str = "$19 / month";
    let app = App::start().await;
    let site = site(&app);
    let (before, (docs, _)) = (visit(&site, "/").await, visit(&site, "/docs").await);
    assert!(!before.1.contains(PRICE), "these services have read no price yet");
    assert_eq!(visit(&site, "/").await, before);
    app.services.refresh_prices().await.unwrap();
    let after = visit(&site, "/").await;
    assert!(after.1.contains(PRICE));
    assert_ne!(after.0[ETAG], before.0[ETAG]);
    // Reading the same price again changes nothing, and no other page shows prices.
    app.services.refresh_prices().await.unwrap();
    assert_eq!(visit(&site, "/").await, after);
    assert_eq!(visit(&site, "/docs").await.0[ETAG], docs[ETAG]);
}

/// The server of the other tests has no built site, so its pages lack the script that starts islands.
#[tokio::test(flavor = "multi_thread")]
async fn page_of_built_site_allows_its_scripts() {
    let app = App::start().await;
    let site = site(&app);
    for path in ["/", "/docs", "/nothing"] {
        let (headers, html) = visit(&site, path).await;
        assert!(html.contains("reef.start()"), "{path}");
        assert_scripts_allowed(path, &headers, &html);
    }
}
