//! Actions that could take over an account require a recent password, and links in mails give strangers no access.

use reef_domain::ids::UserId;
use reef_service::Caller;
use reef_service::forms::flash::session_row_id;
use reef_store::{MailKind, MailRow, NewMailToken, TokenPurpose};
use reef_vault::fingerprint;
use reqwest::header::COOKIE;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::pages::{hidden, outcome, outcome_at, page, submit};
use crate::sessions::{form_request, session_cookie};
use crate::support::App;

const PASSWORD: &str = "correct horse battery staple 9";

/// Changes a session as if its password had been entered `minutes_ago`.
async fn backdate_password(app: &App, cookie: &str, minutes_ago: u64) {
    let row = session_row_id(cookie.strip_prefix("reef=").expect("the session is missing"));
    let now = app.services.now();
    let mut tx = app.services.store().begin().await.expect("could not begin a transaction");
    let mut session =
        tx.find_session(&row, now).await.expect("the database failed").expect("the session is missing");
    let mut data: Value = serde_json::from_str(&session.data).expect("the response is not JSON");
    assert!(data["password_at"].is_string() || data["password_at"].is_number(), "{data}");
    data["password_at"] = json!(now.minus(std::time::Duration::from_secs(minutes_ago * 60)));
    session.data = data.to_string();
    tx.update_session(&session).await.expect("could not save the session");
    tx.commit().await.expect("could not commit");
}

async fn keys(app: &App, user: UserId) -> Vec<String> {
    let keys = app.services.list_api_keys(&Caller::operator(user)).await.expect("could not list the keys");
    keys.into_iter().map(|key| key.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_sign_in_needs_no_password() {
    let app = App::start().await;
    let user = app.user().await;
    let me = session_cookie(&app, user).await;
    let shown = page(&app, &me, "/keys").await;
    assert!(!shown.contains("name=\"password\""));
    let fields = [("name", "first"), ("read", "true"), ("token", &hidden(&shown, "token"))];
    assert_eq!(outcome(&app, &me, "/keys", "create_key", &fields).await, "/keys key_created");
    backdate_password(&app, &me, 9).await;
    assert_eq!(submit(&app, &me, "/settings", "create_totp", &[]).await, "/settings#two-factor");
    let new = "four other plain words";
    let done = outcome(&app, &me, "/settings", "change_password", &[("new_password", new)]).await;
    assert_eq!(done, "/settings password_changed");
    assert_eq!(keys(&app, user).await, ["first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_password_is_asked_once_and_form_is_kept() {
    let app = App::start().await;
    let user = app.user().await;
    let me = session_cookie(&app, user).await;
    backdate_password(&app, &me, 10).await;
    let shown = page(&app, &me, "/keys").await;
    assert!(shown.contains("id=\"key-password\""));
    assert!(shown.contains(">For your security, confirm your password to create a key.</p>"), "{shown}");
    let token = hidden(&shown, "token");
    let without = [("name", "typed name"), ("read", "true"), ("expires_days", "30"), ("token", &*token)];
    let with = |password: &'static str| [&without[..], &[("password", password)]].concat();
    for (fields, said) in [
        (without.to_vec(), "Enter your password to continue."),
        (with(""), "Enter your password to continue."),
        (with("not my password"), "Incorrect password."),
    ] {
        let back = submit(&app, &me, "/keys", "create_key", &fields).await;
        assert!(!back.contains("not+my") && !back.contains("not%20my"), "{back}");
        let shown = page(&app, &me, &back).await;
        assert!(shown.contains(said) && shown.contains("value=\"typed name\""), "{said}");
        assert!(shown.contains("value=\"30\" selected") && shown.contains("id=\"key-password\""));
        assert!(!shown.contains("not my password"));
    }
    // The response to the frontend names the field.
    let scripted = form_request(&app, "create_key", &without).header(COOKIE, &me).send().await.unwrap();
    assert_eq!(scripted.status(), 400);
    let error: Value = scripted.json().await.unwrap();
    assert_eq!(
        (&error["issues"][0]["path"], &error["issues"][0]["code"]),
        (&json!("password"), &json!("required"))
    );
    assert!(keys(&app, user).await.is_empty());
    // A correct password counts even if another field of the form is invalid.
    let nameless = [("name", ""), ("read", "true"), ("token", &*token), ("password", PASSWORD)];
    let back = submit(&app, &me, "/keys", "create_key", &nameless).await;
    assert!(!page(&app, &me, &back).await.contains("id=\"key-password\""));
    assert_eq!(outcome(&app, &me, "/keys", "create_key", &without).await, "/keys key_created");
    assert_eq!(keys(&app, user).await, ["typed name"]);
    // It counts in this session only.
    let other = session_cookie(&app, user).await;
    backdate_password(&app, &other, 60).await;
    let token = app.services.form_token();
    submit(&app, &other, "/keys", "rotate_callback_secret", &[("token", &token)]).await;
    assert!(page(&app, &other, "/settings").await.contains("id=\"create-totp-password\""));
    assert!(!page(&app, &me, "/settings").await.contains("id=\"create-totp-password\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_actions_without_recent_password_are_rejected() {
    let app = App::start().await;
    let user = app.user().await;
    let (_, key) = app.key(user, "read", None).await;
    let me = session_cookie(&app, user).await;
    let caller = Caller::operator(user);
    app.services.create_totp_secret(&caller).await.unwrap();
    let secret = app.services.get_signing_secret(user).await.unwrap();
    backdate_password(&app, &me, 11).await;
    for (from, endpoint, fields) in [
        ("/keys", "create_key", &[("name", "k"), ("read", "true"), ("token", "a")][..]),
        ("/keys", "rotate_key", &[("id", &*key), ("overlap", "now"), ("token", "b")]),
        ("/keys", "rotate_callback_secret", &[("token", "c")]),
        ("/settings", "create_totp", &[]),
        ("/settings", "confirm_totp", &[("code", "123456"), ("token", "d")]),
        ("/settings", "change_password", &[("new_password", "four other plain words")]),
        ("/settings", "change_email", &[("email", "next@example.com")]),
        ("/settings", "disable_totp", &[("code", "123456")]),
        ("/settings", "delete_account", &[]),
    ] {
        let back = submit(&app, &me, from, endpoint, fields).await;
        assert_eq!(outcome_at(&app, &me, &back).await, format!("{from} form_error"), "{endpoint}");
        let shown = page(&app, &me, &back).await;
        assert!(shown.contains("password"), "{endpoint}");
    }
    assert_eq!(keys(&app, user).await, ["test"]);
    let now = app.services.get_signing_secret(user).await.unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&now), secrecy::ExposeSecret::expose_secret(&secret));
    // The ids of elements are unique, also with several keys on the page.
    app.key(user, "read", None).await;
    let shown = page(&app, &me, "/keys").await;
    let mut ids: Vec<&str> =
        shown.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

/// Inserts a mail with a link for this purpose and returns the secret in the link.
pub async fn insert_mail_link(app: &App, user: UserId, purpose: TokenPurpose, email: &str) -> String {
    let secret = app.services.form_token();
    let now = app.services.now();
    let mail = MailRow {
        id: reef_domain::ids::MailId::new(app.services.new_uuid()),
        user_id: Some(user),
        kind: MailKind::ConfirmAddress,
        recipient: Some(email.to_owned()),
        assistant_id: None,
        assistant_name: None,
        detail: None,
        token: None,
        created_at: now,
        sent_at: Some(now),
    };
    let token = NewMailToken {
        hash: &fingerprint("reef mail token", &secret),
        mail_id: mail.id,
        user_id: Some(user),
        purpose,
        email,
        expires_at: now.plus(std::time::Duration::from_secs(3600)),
    };
    let mut tx = app.services.store().begin().await.expect("could not begin a transaction");
    tx.insert_mail(&mail).await.expect("could not insert the mail");
    tx.insert_mail_token(&token).await.expect("the link is missing");
    tx.commit().await.expect("could not commit");
    secret
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmation_in_another_browser_requires_password() {
    let app = App::start().await;
    let user = app.user().await;
    let email = app.services.find_account(user).await.unwrap().unwrap().email;
    let (stranger, other) = (session_cookie(&app, user).await, session_cookie(&app, app.user().await).await);
    let (key, _) = app.key(user, "read", None).await;
    let token = insert_mail_link(&app, user, TokenPurpose::Confirm, &email).await;
    let at = format!("/confirm?token={token}");
    let is_confirmed = async || app.services.find_account(user).await.unwrap().unwrap().email_confirmed;
    for reader in ["", &*other] {
        let shown = page(&app, reader, &at).await;
        assert!(shown.contains("name=\"password\"") && shown.contains("name=\"new_password\""));
        assert!(!shown.contains(&email), "the page does not show the email address");
        let asks = [("token", &*token), ("asks", "true")];
        let back = submit(&app, reader, &at, "confirm_email", &asks).await;
        assert!(page(&app, reader, &back).await.contains("password to show that you created it"));
        let wrong = [("token", &*token), ("password", "not the password")];
        let back = submit(&app, reader, &at, "confirm_email", &wrong).await;
        assert!(page(&app, reader, &back).await.contains("Incorrect password"));
    }
    assert!(!is_confirmed().await);
    assert!(
        !page(&app, &stranger, &at).await.contains("name=\"password\""),
        "a browser that is signed in to the account needs no password"
    );
    let short = [("token", &*token), ("new_password", "short")];
    let back = submit(&app, "", &at, "claim_account", &short).await;
    assert!(page(&app, "", &back).await.contains("at least 10 characters"));
    let good = [("token", &*token), ("new_password", "four other plain words")];
    assert_eq!(outcome(&app, "", &at, "claim_account", &good).await, "/signin account_claimed");
    assert!(is_confirmed().await);
    assert_eq!(key.request("GET", "/api/v1/me").send().await.unwrap().status(), 401);
    let gone = app.http.get(app.url("/settings")).header(COOKIE, &stranger).send().await.unwrap();
    assert_eq!(gone.status(), 302);
    let caller = Caller::operator(user);
    let password = SecretString::from("four other plain words");
    app.services.reauthenticate(&caller, &password, reef_service::ClientAddress::UNKNOWN).await.unwrap();
    // The link has been used and works for nobody.
    let back = submit(&app, "", &at, "claim_account", &good).await;
    assert!(page(&app, "", &back).await.contains("already used or has expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmation_with_session_or_password_succeeds() {
    let app = App::start().await;
    for with_session in [true, false] {
        let user = app.user().await;
        let email = app.services.find_account(user).await.unwrap().unwrap().email;
        let mine = session_cookie(&app, user).await;
        let (key, _) = app.key(user, "read", None).await;
        let token = insert_mail_link(&app, user, TokenPurpose::Confirm, &email).await;
        let at = format!("/confirm?token={token}");
        let (reader, password) = if with_session { (&*mine, "") } else { ("", PASSWORD) };
        let fields = [("token", &*token), ("password", password)];
        let done = outcome(&app, reader, &at, "confirm_email", &fields).await;
        assert_eq!(done, "/confirm email_confirmed");
        assert_eq!(key.request("GET", "/api/v1/me").send().await.unwrap().status(), 200);
        assert!(page(&app, &mine, "/settings").await.contains(">Confirmed<"));
        // The same rule applies to a new email address.
        let next = format!("next-{email}");
        let token = insert_mail_link(&app, user, TokenPurpose::Change, &next).await;
        let at = format!("/confirm-change?token={token}");
        let shown = page(&app, "", &at).await;
        assert!(shown.contains("name=\"password\"") && !shown.contains("name=\"new_password\""));
        let done = outcome(&app, "", &at, "confirm_email_change", &[("token", &token)]).await;
        assert_eq!(done, format!("{at} form_error"));
        let fields = [("token", &*token), ("password", password)];
        let done = outcome(&app, reader, &at, "confirm_email_change", &fields).await;
        assert_eq!(done, "/confirm-change email_changed");
        assert_eq!(app.services.find_account(user).await.unwrap().unwrap().email, next);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirmation_without_session_takes_over_account() {
    let app = App::start().await;
    let user = app.user().await;
    let email = app.services.find_account(user).await.unwrap().unwrap().email;
    let opener = session_cookie(&app, user).await;
    let (key, _) = app.key(user, "read", None).await;
    let token = insert_mail_link(&app, user, TokenPurpose::Confirm, &email).await;
    let at = format!("/confirm?token={token}");
    let to = submit(&app, "", &at, "confirm_email", &[("token", &token)]).await;
    assert!(to.starts_with("/reset?token="), "{to}");
    assert!(app.services.find_account(user).await.unwrap().unwrap().email_confirmed);
    assert_eq!(key.request("GET", "/api/v1/me").send().await.unwrap().status(), 401);
    let gone = app.http.get(app.url("/settings")).header(COOKIE, &opener).send().await.unwrap();
    assert_eq!(gone.status(), 302);
    let old =
        form_request(&app, "sign_in", &[("email", &*email), ("password", PASSWORD)]).send().await.unwrap();
    assert_eq!(old.status(), 401);
    let reset = to.strip_prefix("/reset?token=").unwrap();
    let new = [("token", reset), ("password", "four other plain words")];
    assert_eq!(outcome(&app, "", &to, "reset_password", &new).await, "/signin password_reset");
    // If Reef's own page sends the form and its session has ended since, the account is not taken over.
    let user = app.user().await;
    let email = app.services.find_account(user).await.unwrap().unwrap().email;
    let mine = session_cookie(&app, user).await;
    let token = insert_mail_link(&app, user, TokenPurpose::Confirm, &email).await;
    let at = format!("/confirm?token={token}");
    let asks = hidden(&page(&app, &mine, &at).await, "asks");
    let done = outcome(&app, "", &at, "confirm_email", &[("token", &token), ("asks", &asks)]).await;
    assert_eq!(done, format!("{at} form_error"));
    assert!(!app.services.find_account(user).await.unwrap().unwrap().email_confirmed);
}

#[tokio::test(flavor = "multi_thread")]
async fn password_change_counts_as_recent_password() {
    let app = App::start().await;
    let user = app.user().await;
    let me = session_cookie(&app, user).await;
    let wrong = [("current_password", "not my password"), ("new_password", "four other plain words")];
    let done = outcome(&app, &me, "/settings", "change_password", &wrong).await;
    assert_eq!(done, "/settings form_error");
    let right = [("current_password", PASSWORD), ("new_password", "four other plain words")];
    let done = outcome(&app, &me, "/settings", "change_password", &right).await;
    assert_eq!(done, "/settings password_changed");
    let token = app.services.form_token();
    let fields = [("name", "after"), ("read", "true"), ("token", &*token)];
    assert_eq!(outcome(&app, &me, "/keys", "create_key", &fields).await, "/keys key_created");
}
