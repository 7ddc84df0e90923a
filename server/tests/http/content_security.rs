//! The content security policy of every page allows the page's own inline scripts, by their hashes, and no others.

use data_encoding::BASE64;
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, HeaderMap};
use sha2::{Digest as _, Sha256};

use crate::sessions::session_cookie;
use crate::support::App;

/// The attributes and the text of each `<script>` of a page.
fn scripts(html: &str) -> Vec<(&str, &str)> {
    let after_names = html.split("<script").skip(1);
    after_names
        .map(|rest| {
            let (attributes, rest) = rest.split_once('>').expect("a tag is incomplete");
            let (text, _) = rest.split_once("</script>").expect("a script has no end");
            (attributes, text)
        })
        .collect()
}

/// Asserts that each inline script of a page is allowed by the page's policy, and that the policy allows no others.
pub fn assert_scripts_allowed(what: &str, headers: &HeaderMap, html: &str) {
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().expect("the policy is not ASCII");
    let mut directives = policy.split(';').map(str::trim);
    let sources = directives.find_map(|rule| rule.strip_prefix("script-src ")).expect("no rule for scripts");
    let sources: Vec<&str> = sources.split(' ').collect();
    for source in &sources {
        let is_known = ["'self'", "'wasm-unsafe-eval'"].contains(source);
        assert!(is_known || source.starts_with("'sha256-"), "{what}: {policy}");
    }
    let inline = scripts(html);
    assert!(!inline.is_empty(), "{what}: no page is without a script");
    for (attributes, text) in inline {
        assert!(!attributes.contains("src=") && !attributes.contains("nonce"), "{what}: {attributes}");
        let source = format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)));
        assert!(sources.contains(&&*source), "{what}: {source} is not in {policy}: {text}");
    }
    assert!(!html.contains("javascript:"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inline_scripts_of_all_pages_are_allowed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (active, stopped) = (me.active().await, me.in_status("stopped").await);
    let of_assistants = [
        format!("/assistants/{active}"),
        format!("/assistants/{active}/history"),
        format!("/assistants/{stopped}"),
    ];
    let of_user = ["/assistants", "/assistants/new", "/receipts", "/billing", "/keys", "/settings"];
    let of_anybody = [
        "/",
        "/signin",
        "/signup",
        "/signin?next=%2Fkeys",
        "/forgot",
        "/reset",
        "/reset?token=x",
        "/confirm",
        "/confirm-change?token=x",
        "/goodbye",
        "/styleguide",
        "/docs",
        "/docs/quick-start",
        "/nothing",
    ];
    let of_user = of_user.into_iter().chain(of_assistants.iter().map(String::as_str)).chain(of_anybody);
    let readers = of_user.map(|path| (&*cookie, path)).chain(of_anybody.map(|path| ("", path)));
    for (cookie, path) in readers {
        let answer = app.http.get(app.url(path)).header(COOKIE, cookie).send().await.unwrap();
        let expected = if path == "/nothing" { 404 } else { 200 };
        assert_eq!(answer.status(), expected, "{path}");
        let headers = answer.headers().clone();
        assert_scripts_allowed(path, &headers, &answer.text().await.unwrap());
    }
}
