//! Signing in and out, session cookies, and protection against requests from other sites.

use std::time::Duration;

use reef_domain::ids::UserId;
use reef_service::ClientAddress;
use reef_service::accounts::PendingSignIn;
use reef_service::forms::flash::session_row_id;
use reef_vault::fingerprint;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE, USER_AGENT};
use reqwest::{RequestBuilder, Response};
use secrecy::SecretString;
use serde_json::Value;

use crate::content_security::assert_scripts_allowed;
use crate::support::App;

const PASSWORD: &str = "correct horse battery staple 9";

/// A request that submits a form as a page of the site does.
pub fn form_request(app: &App, endpoint: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let request = app.http.post(app.url(&format!("/_fn/{endpoint}"))).header("Sec-Fetch-Site", "same-origin");
    request.form(fields)
}

async fn account(app: &App) -> String {
    let user = app.user().await;
    app.services
        .find_account(user)
        .await
        .expect("the database failed")
        .expect("the account was not found")
        .email
}

async fn sign_in(app: &App, email: &str, password: &str) -> Response {
    form_request(app, "sign_in", &[("email", email), ("password", password)])
        .send()
        .await
        .expect("the request failed")
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(SET_COOKIE).iter();
    all.map(|value| value.to_str().expect("the header is not ASCII").to_owned()).collect()
}

/// Returns the only cookie with one of these names: the whole header, and its name and value.
fn only_cookie(headers: &HeaderMap, names: [&str; 2]) -> (String, String) {
    let is_meant = |cookie: &String| names.iter().any(|name| cookie.starts_with(&format!("{name}=")));
    let all: Vec<_> = cookies(headers).into_iter().filter(is_meant).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].clone(), all[0].split(';').next().unwrap_or_default().to_owned())
}

/// Returns the session cookie: the whole header, and its name and value.
fn cookie(headers: &HeaderMap) -> (String, String) {
    only_cookie(headers, ["reef", "__Host-reef"])
}

/// Returns the cookie of a known device: the whole header, and its name and value.
fn device_cookie(headers: &HeaderMap) -> (String, String) {
    only_cookie(headers, ["reef-device", "__Host-reef-device"])
}

/// Signs in and returns the session cookie.
pub async fn session_cookie(app: &App, user: UserId) -> String {
    let email = app
        .services
        .find_account(user)
        .await
        .expect("the database failed")
        .expect("the account was not found")
        .email;
    cookie(sign_in(app, &email, PASSWORD).await.headers()).1
}

/// Signs in with this user agent and returns the session cookie.
pub async fn session_from(app: &App, user: UserId, agent: &str) -> String {
    let email = app
        .services
        .find_account(user)
        .await
        .expect("the database failed")
        .expect("the account was not found")
        .email;
    let request = form_request(app, "sign_in", &[("email", &email), ("password", PASSWORD)]);
    let answer = request.header(USER_AGENT, agent).send().await.expect("the request failed");
    cookie(answer.headers()).1
}

async fn is_signed_in(app: &App, cookie: &str) -> bool {
    let page =
        app.http.get(app.url("/assistants")).header(COOKIE, cookie).send().await.expect("the request failed");
    match page.status().as_u16() {
        200 => true,
        302 => {
            assert_eq!(page.headers()[LOCATION], "/signin?next=%2Fassistants");
            false
        }
        status => panic!("{status}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn session_cookie_is_http_only_and_same_site() {
    let app = App::start().await;
    for path in ["/", "/signin", "/signup", "/assistants", "/nothing", "/healthz", "/api/v1/me"] {
        let page = app.http.get(app.url(path)).send().await.unwrap();
        assert!(!page.headers().contains_key(SET_COOKIE), "{path}");
    }
    let answer = sign_in(&app, &account(&app).await, PASSWORD).await;
    let (whole, pair) = cookie(answer.headers());
    assert!(pair.starts_with("reef="), "{whole}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(whole.contains(attribute), "{whole}");
    }
    assert!(!whole.contains("Secure") && !whole.contains("Domain"), "{whole}");
    assert!(is_signed_in(&app, &pair).await);
    assert!(
        !is_signed_in(&app, "reef=AAAAAAAAAAAAAAAAAAAAAA").await && !is_signed_in(&app, "reef=%00").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn https_cookie_has_host_prefix() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    let (whole, pair) = cookie(sign_in(&app, &account(&app).await, PASSWORD).await.headers());
    assert!(
        pair.starts_with("__Host-reef=") && whole.contains("Secure") && whole.contains("Path=/"),
        "{whole}"
    );
    assert!(is_signed_in(&app, &pair).await);
}

/// Browsers accept the prefix `__Host-` only with `Secure`, with `Path=/` and without `Domain`, so a removal without these
/// attributes has no effect.
#[tokio::test(flavor = "multi_thread")]
async fn https_cookie_removal_has_required_attributes() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    let user = app.user().await;
    let removed = |what: &str, headers: &HeaderMap| {
        let (whole, pair) = cookie(headers);
        assert_eq!(pair, "__Host-reef=", "{what}");
        for attribute in ["; Secure", "; Path=/", "; Max-Age=0", "; HttpOnly", "; SameSite=Lax"] {
            assert_eq!(whole.matches(attribute).count(), 1, "{what}: {attribute} in {whole}");
        }
        assert!(!whole.contains("Domain"), "{what}: {whole}");
    };
    let out = form_request(&app, "sign_out", &[])
        .header(COOKIE, session_cookie(&app, user).await)
        .send()
        .await
        .unwrap();
    removed("signed out", out.headers());
    let ended = session_cookie(&app, user).await;
    let mut tx = app.services.store().begin().await.unwrap();
    tx.delete_sessions(user).await.unwrap();
    tx.commit().await.unwrap();
    for (what, cookie) in [("ended elsewhere", &*ended), ("made up", "__Host-reef=AAAAAAAAAAAAAAAAAAAAAA")] {
        let page = app.http.get(app.url("/signin")).header(COOKIE, cookie).send().await.unwrap();
        removed(what, page.headers());
    }
    let mine = session_cookie(&app, user).await;
    let gone = form_request(&app, "delete_account", &[("password", PASSWORD)])
        .header(COOKIE, mine)
        .send()
        .await
        .unwrap();
    assert_eq!(gone.headers()[LOCATION], "/goodbye");
    removed("account deleted", gone.headers());
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_in_rotates_session_and_sign_out_ends_it() {
    let app = App::start().await;
    let email = account(&app).await;
    let (_, first) = cookie(sign_in(&app, &email, PASSWORD).await.headers());
    // Signing in replaces an existing session id, which an attacker may have planted.
    let again = form_request(&app, "sign_in", &[("email", &email), ("password", PASSWORD)]);
    let (_, second) = cookie(again.header(COOKIE, &first).send().await.unwrap().headers());
    assert_ne!(first, second);
    assert!(!is_signed_in(&app, &first).await && is_signed_in(&app, &second).await);

    let out = form_request(&app, "sign_out", &[]).header(COOKIE, &second).send().await.unwrap();
    let (gone, _) = cookie(out.headers());
    assert!(gone.contains("Max-Age=0"), "{gone}");
    // The row is deleted, so a copy of the cookie is useless.
    assert!(!is_signed_in(&app, &second).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn password_with_two_factor_does_not_sign_in() {
    let app = App::start().await;
    let user = app.user().await;
    let email = app.services.find_account(user).await.unwrap().unwrap().email;
    let now = app.services.now();
    let mut tx = app.services.store().begin().await.unwrap();
    assert!(tx.insert_totp(user, b"sealed", now).await.unwrap());
    assert!(tx.confirm_totp(user, now, 1, now).await.unwrap());
    let code = fingerprint("reef recovery code", "abcdefghijklmnop");
    tx.replace_recovery_codes(user, &[code]).await.unwrap();
    tx.commit().await.unwrap();
    let answer = sign_in(&app, &email, PASSWORD).await;
    assert_eq!(answer.headers()[LOCATION], "/signin/code");
    let (_, waiting) = cookie(answer.headers());
    assert!(!is_signed_in(&app, &waiting).await);
    let stream = app.http.get(app.url("/live/assistants")).header(COOKIE, &waiting).send().await.unwrap();
    assert_eq!(stream.status(), 401);
    // The session stores what the second step needs, and the browser stores nothing of it.
    let id = waiting.strip_prefix("reef=").unwrap();
    let mut tx = app.services.store().read().await.unwrap();
    let row = tx.find_session(&session_row_id(id), app.services.now()).await.unwrap().unwrap();
    assert_eq!(row.user_id, None);
    let data: Value = serde_json::from_str(&row.data).unwrap();
    let pending: PendingSignIn = serde_json::from_value(data["pending_user"].clone()).unwrap();
    let code = SecretString::from("ABCD-efgh ijkl-mnop");
    let account = app.services.sign_in_with_code(&pending, &code, ClientAddress::UNKNOWN).await.unwrap();
    assert_eq!((account.id, account.email.clone()), (user, email.clone()));
    // A user who was signed in before in this browser is signed out, so revoking that user's sessions misses none.
    let other = session_cookie(&app, app.user().await).await;
    let fields = [("email", &*email), ("password", PASSWORD)];
    let answer = form_request(&app, "sign_in", &fields).header(COOKIE, &other).send().await.unwrap();
    let (_, waiting) = cookie(answer.headers());
    assert!(!is_signed_in(&app, &waiting).await && !is_signed_in(&app, &other).await);
    let mut tx = app.services.store().read().await.unwrap();
    let id = session_row_id(waiting.strip_prefix("reef=").unwrap());
    assert_eq!(tx.find_session(&id, app.services.now()).await.unwrap().unwrap().user_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn cross_site_form_returns_403() {
    let app = App::start().await;
    let email = account(&app).await;
    let send = async |headers: &[(&'static str, &str)]| {
        let mut request = app.http.post(app.url("/_fn/sign_in"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let fields = [("email", email.as_str()), ("password", PASSWORD)];
        let answer = request.form(&fields).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key(SET_COOKIE))
    };
    let own = format!("http://{}", app.address);
    let foreign = format!("http://{}.evil.example", app.address);
    for refused in [
        &[][..],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-origin "), ("origin", "null")][1..],
        &[("origin", "https://evil.example")],
        &[("origin", &foreign)],
        &[("referer", &own)],
    ] {
        assert_eq!(send(refused).await, (403, false), "{refused:?}");
    }
    for accepted in
        [&[("sec-fetch-site", "same-origin")][..], &[("sec-fetch-site", "none")], &[("origin", &own)]]
    {
        let (status, has_cookie) = send(accepted).await;
        assert!(status < 400 && has_cookie, "{accepted:?} {status}");
    }
    // The API and webhooks use no session, so they need no such check.
    let me = app.customer().await;
    let bought = me.request("POST", "/api/v1/assistants/purchase").header("sec-fetch-site", "cross-site");
    let bought = bought.json(&serde_json::json!({"apiMode": "byok"})).send().await.unwrap();
    assert_eq!(bought.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_strict_content_security_policy() {
    let app = App::start().await;
    let page = app.http.get(app.url("/signin")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for rule in ["frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'", "'wasm-unsafe-eval'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    let forms = format!("form-action 'self' {};", app.url(""));
    assert!(policy.contains(&forms), "the sandbox's checkout, whatever name this page goes by: {policy}");
    assert!(!policy.contains("'unsafe-inline'") && !policy.contains("'unsafe-eval'"), "{policy}");
    let headers = page.headers().clone();
    assert_scripts_allowed("/signin", &headers, &page.text().await.unwrap());
    for path in ["/", "/healthz", "/api/v1/me", "/nothing", "/pkg/nothing.js"] {
        let answer = app.http.get(app.url(path)).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(
            (&headers["x-content-type-options"], &headers["x-frame-options"]),
            (&"nosniff".parse().unwrap(), &"DENY".parse().unwrap()),
            "{path}"
        );
        assert!(
            headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"),
            "{path}"
        );
    }
    // An assistant's page embeds the sandbox's chat with its bot.
    for (path, frames) in [("/sandbox/telegram/bots/1", "SAMEORIGIN"), ("/sandbox/telegram/", "DENY")] {
        let answer = app.http.get(app.url(path)).send().await.unwrap();
        assert_eq!(answer.headers()["x-frame-options"], frames, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_stream_ends_with_session() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.active().await;
    let pair = session_cookie(&app, me.user).await;
    let live = app.http.get(app.url(&format!("/live/assistants/{id}"))).header(COOKIE, &pair);
    let mut stream = live.send().await.unwrap();
    for start in ["retry: ", "id: "] {
        assert!(stream.chunk().await.unwrap().is_some_and(|chunk| chunk.starts_with(start.as_bytes())));
    }
    // The stream ends although the assistant does not change.
    form_request(&app, "sign_out", &[]).header(COOKIE, &pair).send().await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(3), stream.chunk()).await;
    assert!(matches!(end, Ok(Ok(None))), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn api_key_does_not_open_pages() {
    let app = App::start().await;
    let me = app.customer().await;
    for path in ["/assistants", "/keys"] {
        let page = me.request("GET", path).send().await.unwrap();
        assert_eq!((page.status().as_u16(), page.headers().contains_key(SET_COOKIE)), (302, false), "{path}");
    }
    assert_eq!(me.request("GET", "/live/assistants").send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_throttled() {
    let app = App::start().await;
    let email = account(&app).await;
    for _ in 0..5 {
        let refused = sign_in(&app, &email, "wrong horse battery").await;
        assert_eq!((refused.status().as_u16(), refused.headers().contains_key(SET_COOKIE)), (401, false));
    }
    // The correct password has to wait, too, and the response says how long.
    let slowed = sign_in(&app, &email, PASSWORD).await;
    assert_eq!(slowed.status(), 429);
    let error: Value = slowed.json().await.unwrap();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Too many failed attempts. "), "{error}");
    // Other accounts are not affected.
    assert!(sign_in(&app, &account(&app).await, PASSWORD).await.status().as_u16() < 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn known_device_is_not_throttled() {
    for (url, name) in
        [("http://localhost:3000", "reef-device="), ("https://reef.example", "__Host-reef-device=")]
    {
        let app = App::start_with(&[("PUBLIC_URL", url), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
        let email = account(&app).await;
        let first = sign_in(&app, &email, PASSWORD).await;
        let (whole, known) = device_cookie(first.headers());
        assert!(
            known.starts_with(name) && whole.contains("HttpOnly") && whole.contains("SameSite=Strict"),
            "{whole}"
        );
        assert_eq!(whole.contains("Secure"), url.starts_with("https"), "{whole}");
        assert!(whole.contains("Path=/") && !whole.contains("Domain"), "{whole}");
        assert!(!whole.contains(&email), "{whole}");
        for _ in 0..6 {
            assert!(cookies(sign_in(&app, &email, "wrong horse battery").await.headers()).is_empty());
        }
        assert_eq!(sign_in(&app, &email, PASSWORD).await.status(), 429);
        let fields = [("email", &*email), ("password", PASSWORD)];
        let owner = form_request(&app, "sign_in", &fields).header(COOKIE, &known).send().await.unwrap();
        assert_eq!(owner.headers()[LOCATION], "/assistants");
        assert_eq!(device_cookie(owner.headers()).1, known, "the device cookie is unchanged");
        // The device cookie alone is not a session.
        assert!(!is_signed_in(&app, &known).await);
        // Signing out keeps the device cookie.
        let (_, session) = cookie(owner.headers());
        let out = form_request(&app, "sign_out", &[])
            .header(COOKIE, format!("{session}; {known}"))
            .send()
            .await
            .unwrap();
        assert!(cookies(out.headers()).iter().all(|cookie| !cookie.starts_with(name)));
    }
}
