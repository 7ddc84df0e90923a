//! The dashboard's pages and forms in a browser without scripts.

use data_encoding::BASE64URL_NOPAD;
use reef_service::callbacks::DELIVERIES_PREVIEW;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, REFERER, SET_COOKIE};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::flashes::{kind, waiting_message};
use crate::sessions::{form_request, session_cookie};
use crate::support::App;

/// Submits a form as a browser without scripts does, and returns the redirect's location.
pub async fn submit(app: &App, cookie: &str, from: &str, endpoint: &str, fields: &[(&str, &str)]) -> String {
    let request =
        form_request(app, endpoint, fields).header(ACCEPT, "text/html").header(REFERER, app.url(from));
    let answer = request.header(COOKIE, app.flashes.all(cookie)).send().await.expect("the request failed");
    assert_eq!(answer.status(), 302, "{endpoint}");
    app.flashes.update(cookie, answer.headers());
    answer.headers()[LOCATION].to_str().expect("the header is not ASCII").to_owned()
}

/// Like [`submit`], but returns the path and query of the location, and the kind of message that waits there: `/keys key_created`.
pub async fn outcome(app: &App, cookie: &str, from: &str, endpoint: &str, fields: &[(&str, &str)]) -> String {
    let to = submit(app, cookie, from, endpoint, fields).await;
    outcome_at(app, cookie, &to).await
}

/// The outcome of a form that was redirected to an address, as [`outcome`] returns it.
pub async fn outcome_at(app: &App, cookie: &str, to: &str) -> String {
    let message = kind(&waiting_message(app, cookie, to).await);
    let to = to.strip_prefix(&app.url("")).unwrap_or(to);
    format!("{to} {message}").trim_end().to_owned()
}

pub async fn page(app: &App, cookie: &str, address: &str) -> String {
    let address = if address.starts_with('/') { app.url(address) } else { address.to_owned() };
    let request = app.http.get(address).header(COOKIE, app.flashes.all(cookie));
    let answer = request.send().await.expect("the request failed");
    assert_eq!(answer.status(), 200);
    app.flashes.update(cookie, answer.headers());
    answer.text().await.expect("the response is incomplete")
}

/// Returns the value of the first hidden field with a name.
pub fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the field is missing");
    rest.split('"').next().expect("the field has no end").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn form_error_is_shown_only_to_its_sender() {
    const ERROR_MESSAGE: &str = "Incorrect password";
    let app = App::start().await;
    let (mine, foreign) =
        (session_cookie(&app, app.user().await).await, session_cookie(&app, app.user().await).await);
    let fields = [("password", "not my password"), ("new_password", "four other plain words")];
    let back = submit(&app, &mine, "/settings", "change_password", &fields).await;
    assert_eq!(back, app.url("/settings"), "the address has nothing of the error");
    // The cookie that was set for this browser shows nothing in another one.
    let set =
        app.flashes.all(&mine).strip_prefix(&format!("{mine}; ")).expect("no cookie was set").to_owned();
    for (reader, there) in [(format!("{foreign}; {set}"), "/settings"), (set, "/signin")] {
        assert!(!page(&app, &reader, there).await.contains(ERROR_MESSAGE), "{reader}");
    }
    // A script that loads the page in the background gets no message, and leaves it for the reader.
    let background = app.http.get(&back).header(COOKIE, app.flashes.all(&mine));
    let background = background.header("Sec-Fetch-Dest", "empty").send().await.unwrap();
    assert!(!background.headers().contains_key(SET_COOKIE));
    assert!(!background.text().await.unwrap().contains(ERROR_MESSAGE));
    // Another page neither shows the message nor uses it up.
    assert!(!page(&app, &mine, "/keys").await.contains(ERROR_MESSAGE));
    assert!(page(&app, &mine, &back).await.contains(ERROR_MESSAGE));
    assert!(!page(&app, &mine, &back).await.contains(ERROR_MESSAGE), "a reload does not show it again");
    // If a required field is missing, Leptos itself writes an error, which the address does not have either.
    let cut = submit(&app, &mine, "/settings", "revoke_session", &[]).await;
    assert_eq!(cut, app.url("/settings"));
    let message = waiting_message(&app, &mine, &cut).await;
    assert_eq!(message["form_error"]["path"], "/_fn/revoke_session", "{message}");
    assert_eq!(message["form_error"]["error"]["code"], "INVALID_REQUEST", "{message}");
    // A second error replaces the first one.
    let back = submit(&app, &mine, "/settings", "change_password", &fields).await;
    assert!(page(&app, &mine, &back).await.contains(ERROR_MESSAGE));
}

/// Only what Reef has sealed for this reader is shown.
#[tokio::test(flavor = "multi_thread")]
async fn forged_form_error_is_not_shown() {
    const ERROR_MESSAGE: &str = "Call this number at once";
    let app = App::start().await;
    let mine = session_cookie(&app, app.user().await).await;
    let error = json!({"code": "UNAUTHORIZED", "message": ERROR_MESSAGE, "issues": [], "values": []});
    let message = |path: &str| json!({"form_error": {"path": path, "error": error}}).to_string();
    let sealed = |page: &str, path: &str| app.services.seal_flash(page, &message(path).into()).unwrap();
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    // A visitor sees an error that was sealed for this page, and no other.
    let of_visitor = sealed("/signin", "/_fn/sign_in");
    assert!(page(&app, &format!("reef-flash={of_visitor}"), "/signin").await.contains(ERROR_MESSAGE));
    let cut = &of_visitor[..of_visitor.len() - 1];
    for forged in [sealed("/signup", "/_fn/sign_in"), cut.to_owned(), encode(&message("/_fn/sign_in"))] {
        let shown = page(&app, &format!("reef-flash={forged}"), "/signin").await;
        assert!(!shown.contains(ERROR_MESSAGE) && shown.contains("name=\"email\""), "{forged}");
    }
    // A visitor's message is not for somebody who is signed in.
    let of_visitor = sealed("/settings", "/_fn/change_password");
    for forged in [of_visitor.as_str(), "session", "", "e30"] {
        let shown = page(&app, &format!("{mine}; reef-flash={forged}"), "/settings").await;
        assert!(!shown.contains(ERROR_MESSAGE) && shown.contains("Change password"), "{forged}");
    }
    // An address says nothing.
    let encoded = encode(&error.to_string());
    for (reader, address) in [
        (&*mine, format!("/settings?__path=%2F_fn%2Fchange_password&__err={encoded}")),
        ("", format!("/signin?__path=%2F_fn%2Fsign_in&__err={encoded}")),
    ] {
        assert!(!page(&app, reader, &address).await.contains(ERROR_MESSAGE), "{address}");
    }
}

/// What was typed can be longer than a cookie may be.
#[tokio::test(flavor = "multi_thread")]
async fn form_error_with_long_values_is_shown_to_visitors() {
    let app = App::start().await;
    let long = format!("{}@example.com", "ö".repeat(5000));
    let fields = [("email", &*long), ("password", "not a password")];
    let back = submit(&app, "", "/signup", "sign_up", &fields).await;
    let message = waiting_message(&app, "", &back).await;
    assert_eq!(kind(&message), "form_error");
    let shown = page(&app, "", &back).await;
    assert!(shown.contains("Check the highlighted fields."), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn form_error_is_shown_to_visitors() {
    let app = App::start().await;
    let fields = [("email", "nobody@example.com"), ("password", "not a password")];
    let back = submit(&app, "", "/signin?next=%2Fkeys", "sign_in", &fields).await;
    let shown = page(&app, "", &back).await;
    assert!(shown.contains("Incorrect email or password") && shown.contains("nobody@example.com"));
    assert_eq!(hidden(&shown, "next"), "/keys");
    assert!(!page(&app, "", &back).await.contains("Incorrect email or password"), "it is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn key_form_sent_twice_creates_one_key() {
    let app = App::start().await;
    let me = session_cookie(&app, app.user().await).await;
    let token = hidden(&page(&app, &me, "/keys").await, "token");
    let fields = [("name", "twice"), ("read", "true"), ("token", &*token)];
    let click = || submit(&app, &me, "/keys", "create_key", &fields);
    assert_eq!(tokio::join!(click(), click()), ("/keys".to_owned(), "/keys".to_owned()));
    assert_eq!(outcome_at(&app, &me, "/keys").await, "/keys key_created");
    let shown = page(&app, &me, "/keys").await;
    assert_eq!(shown.matches(">twice</a>").count(), 1);
    let (_, key) = shown.split_once("<code>reef_live_").expect("the key is missing");
    let key = format!("reef_live_{}", key.split('<').next().unwrap_or_default());
    let asked = app.http.get(app.url("/api/v1/me")).header("X-API-Key", &key).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    assert!(!page(&app, &me, "/keys").await.contains(&key), "the key is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_form_sent_twice_rotates_once() {
    let app = App::start().await;
    let user = app.user().await;
    let me = session_cookie(&app, user).await;
    let secret = async || app.services.get_signing_secret(user).await.unwrap().expose_secret().to_owned();
    let first = secret().await;
    let token = hidden(&page(&app, &me, "/keys").await, "token");
    let mut seen = vec![first];
    for _ in 0..2 {
        let done = outcome(&app, &me, "/keys", "rotate_callback_secret", &[("token", &token)]).await;
        assert_eq!(done, "/keys signing_secret_rotated");
        seen.push(secret().await);
    }
    assert!(seen[0] != seen[1] && seen[1] == seen[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_form_fields_keep_concurrent_changes() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.in_status("stopped").await;
    let path = format!("/assistants/{id}");
    let before = me.get(&format!("/{id}")).await;
    let baseline = hidden(&page(&app, &cookie, &path).await, "baseline").replace("&quot;", "\"");
    let named = me.request("PATCH", &format!("/api/v1/assistants/{id}")).json(&json!({"name": "Bob"}));
    assert_eq!(named.send().await.unwrap().status(), 200);
    let name = before["name"].as_str().expect("the assistant has no name");
    let fields = [
        ("id", &*id),
        ("name", name),
        ("model", "anthropic:claude-opus-5"),
        ("callback_url", before["userCallbackUrl"].as_str().unwrap_or_default()),
        ("baseline", &baseline),
    ];
    let done = outcome(&app, &cookie, &path, "update", &fields).await;
    assert_eq!(done, format!("{path} settings_saved"));
    let after = me.get(&format!("/{id}")).await;
    assert_eq!((&after["name"], &after["modelId"]), (&json!("Bob"), &json!("claude-opus-5")));
    let broken = submit(&app, &cookie, &path, "update", &[("id", &id), ("baseline", "{")]).await;
    assert!(page(&app, &cookie, &broken).await.contains("Something’s missing."));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_entries_are_on_history_page() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let path = format!("/assistants/{id}");
    let older = format!("href=\"{path}/history\"");
    assert!(!page(&app, &cookie, &path).await.contains(&older));
    let sent = DELIVERIES_PREVIEW + 1;
    let url = json!({"callbackUrl": "https://callbacks.sandbox.test/history"});
    let redeploy = me.request("POST", &format!("/api/v1{path}/redeploy")).json(&url).send().await.unwrap();
    assert_eq!(redeploy.status(), 200);
    me.wait_for_status(&id, "active").await;
    for _ in 0..sent {
        let test = me.request("POST", &format!("/api/v1{path}/callbacks/test")).send().await.unwrap();
        assert!(test.status().is_success());
    }
    let count = |page: &str| i64::try_from(page.matches("assistant.test</code>").count()).unwrap();
    let shown = page(&app, &cookie, &path).await;
    assert!(shown.contains(&older) && count(&shown) == 5);
    assert_eq!(count(&page(&app, &cookie, &format!("{path}/history")).await), sent);
    let stranger = session_cookie(&app, app.user().await).await;
    let foreign =
        app.http.get(app.url(&format!("{path}/history"))).header(COOKIE, stranger).send().await.unwrap();
    assert_eq!(foreign.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_subscription_page_offers_no_refused_actions() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    for status in ["purchased", "failed", "stopped"] {
        let id = me.in_status(status).await;
        let path = format!("/assistants/{id}");
        let before = page(&app, &cookie, &path).await;
        assert!(!before.contains(">New assistant</a>"), "{status}");
        let record = me.get(&format!("/{id}")).await;
        let subscription = record["polarSubscriptionId"].as_str().expect("the assistant has no subscription");
        let ended = app.http.post(app.url(&format!("/sandbox/polar/subscriptions/{subscription}/refund")));
        assert!(ended.send().await.unwrap().status().is_success());
        me.wait_for_field(&id, "paymentStatus", json!("refunded")).await;
        let after = page(&app, &cookie, &path).await;
        assert!(
            after.contains("Your subscription has ended.") && after.contains(">New assistant</a>"),
            "{status}"
        );
        for offered in [
            ">Activate</h2>",
            "Set up your assistant",
            ">Try again<",
            "Update bot token",
            "Activate it first",
        ] {
            assert!(!after.contains(offered), "{status}: {offered}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_subscription_page_explains_resuming() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    for status in ["purchased", "failed", "stopped", "active"] {
        let id = me.in_status(status).await;
        let path = format!("/assistants/{id}");
        let record = me.get(&format!("/{id}")).await;
        let subscription = record["polarSubscriptionId"].as_str().expect("the assistant has no subscription");
        let paused = app.http.post(app.url(&format!("/sandbox/polar/subscriptions/{subscription}/pause")));
        let paused = paused.send().await.unwrap();
        assert!(paused.status().is_success(), "{status}: {paused:?}");
        let record = me.wait_for_field(&id, "paymentStatus", json!("paused")).await;
        let shown = page(&app, &cookie, &path).await;
        for said in ["Resume your subscription", "Your subscription is paused", ">Paused<"] {
            assert!(shown.contains(said), "{status}: {said}");
        }
        for offered in [">Activate</h2>", ">Try again<", ">New assistant</a>"] {
            assert!(!shown.contains(offered), "{status}: {offered}");
        }
        let name = record["name"].as_str().unwrap();
        let promise = format!(
            "Your subscription is paused, so {name} is stopped. {name} starts again automatically when you resume the \
             subscription."
        );
        assert_eq!(shown.contains(&promise), status == "active", "{status}");
        assert_eq!(shown.contains("Keep My Assistant stopped?"), status == "active", "{status}");
        for list in ["/assistants", "/billing"] {
            assert!(page(&app, &cookie, list).await.contains(">Paused<"), "{list}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_signups_show_no_form() {
    let app = App::start_with(&[("SIGNUPS", "closed")]).await;
    assert!(!page(&app, "", "/signin").await.contains("/signup"));
    let shown = page(&app, "", "/signup").await;
    assert!(shown.contains("Sign-ups are closed") && !shown.contains("name=\"email\""));
}
