//! The pages that links in mails lead to, and the notices for accounts with an unconfirmed email address.

use reef_domain::ids::UserId;
use reef_service::Caller;
use reef_store::TokenPurpose;
use reqwest::header::{ACCEPT, COOKIE};
use serde_json::Value;

use crate::pages::{outcome, page, submit};
use crate::recent_password::insert_mail_link;
use crate::sessions::{form_request, session_cookie};
use crate::support::{App, eventually};

const PASSWORD: &str = "correct horse battery staple 9";
const NEW_PASSWORD: &str = "four other plain words";

async fn email(app: &App, user: UserId) -> String {
    app.services.find_account(user).await.unwrap().unwrap().email
}

/// Waits for a mail and returns the text of the newest one with this subject.
async fn mail(app: &App, to: &str, subject: &str) -> String {
    let path = format!("/sandbox/mail/messages?to={}", to.replace('@', "%40"));
    eventually(subject, async || {
        let mails: Value = app.http.get(app.url(&path)).send().await.ok()?.json().await.ok()?;
        let found = mails["data"].as_array()?.iter().rfind(|mail| mail["subject"] == subject)?.clone();
        found["text"].as_str().map(str::to_owned)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn unconfirmed_address_shows_notice_on_every_page() {
    let app = App::start().await;
    let user = app.user().await;
    let cookie = session_cookie(&app, user).await;
    for path in ["/assistants", "/keys", "/settings", "/billing", "/docs"] {
        let shown = page(&app, &cookie, path).await;
        let bar = shown
            .split("class=\"confirm-email\"")
            .nth(1)
            .expect("the notice is missing")
            .split("</aside>")
            .next()
            .unwrap();
        assert!(bar.contains("a password reset revokes your API keys"), "{path}: {bar}");
        assert!(bar.contains("turns off two-factor"), "{path}: {bar}");
        assert!(
            bar.contains("action=\"/_fn/resend_confirmation\"")
                && bar.contains(">Resend confirmation email</button>"),
            "{bar}"
        );
    }
    // The page that the link opens has the button itself.
    assert!(!page(&app, &cookie, "/confirm?token=0").await.contains("class=\"confirm-email\""));
    // The notice is also where keys and two-factor authentication are set up.
    let settings = page(&app, &cookie, "/settings").await;
    let main = settings.split("<main").nth(1).unwrap();
    assert!(main.contains("a password reset keeps your API keys"), "{main}");
    let keys = page(&app, &cookie, "/keys").await;
    assert!(keys.split("<main").nth(1).unwrap().contains("Until you confirm your email"), "{keys}");

    let done = outcome(&app, &cookie, "/keys", "resend_confirmation", &[]).await;
    assert_eq!(done, "/settings confirmation_sent");
    let address = email(&app, user).await;
    let text = mail(&app, &address, "[Reef] Confirm your email").await;
    assert!(text.contains("a password reset revokes your API keys"), "{text}");

    let token = insert_mail_link(&app, user, TokenPurpose::Confirm, &address).await;
    let done = outcome(&app, &cookie, "/confirm", "confirm_email", &[("token", &token)]).await;
    assert_eq!(done, "/confirm email_confirmed");
    assert!(page(&app, &cookie, "/confirm").await.contains("Email confirmed."));
    // After a reload there is nothing left to confirm.
    assert!(page(&app, &cookie, "/confirm").await.contains("Your email is already confirmed."));
    for path in ["/assistants", "/keys", "/settings"] {
        let shown = page(&app, &cookie, path).await;
        assert!(!shown.contains("confirm-email") && !shown.contains("password reset revokes"), "{path}");
        assert!(!shown.contains("Until you confirm your email"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_mail_server_do_not_ask_to_confirm() {
    let app = App::start_with(&[("SANDBOX", "false")]).await;
    let cookie = session_cookie(&app, app.user().await).await;
    for path in ["/keys", "/settings"] {
        let shown = page(&app, &cookie, path).await;
        assert!(!shown.contains("password reset") && !shown.contains("resend_confirmation"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_warns_only_unconfirmed_accounts() {
    let app = App::start().await;
    let (strange, known) = (app.user().await, app.user().await);
    for user in [strange, known] {
        if user == known {
            let (token, cookie) = (
                insert_mail_link(&app, user, TokenPurpose::Confirm, &email(&app, user).await).await,
                session_cookie(&app, user).await,
            );
            submit(&app, &cookie, "/confirm", "confirm_email", &[("token", &token)]).await;
        }
        let address = email(&app, user).await;
        let forgot = page(&app, "", "/forgot").await;
        assert!(forgot.contains("never confirmed"), "{forgot}");
        let to = submit(&app, "", "/forgot", "forgot_password", &[("email", &address)]).await;
        assert!(page(&app, "", &to).await.contains("sent a reset link"));
        let text = mail(&app, &address, "[Reef] Reset your password").await;
        assert_eq!(text.contains("revokes all API keys"), user == strange, "{text}");
        let (_, token) = text.split_once("/reset?token=").expect("the link is missing");
        let token = token.split_whitespace().next().unwrap();
        let shown = page(&app, "", &format!("/reset?token={token}")).await;
        assert_eq!(shown.contains("revokes all API keys"), user == strange, "{shown}");
        assert!(shown.contains("name=\"password\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn used_link_shows_no_form() {
    let app = App::start().await;
    let user = app.user().await;
    let address = email(&app, user).await;
    let reset = insert_mail_link(&app, user, TokenPurpose::Reset, &address).await;
    let at = format!("/reset?token={reset}");
    assert!(page(&app, "", &at).await.contains("name=\"password\""));
    let fields = [("token", &*reset), ("password", NEW_PASSWORD)];
    submit(&app, "", &at, "reset_password", &fields).await;
    let shown = page(&app, "", &at).await;
    assert!(shown.contains("used or has expired") && !shown.contains("name=\"password\""), "{shown}");
    assert!(shown.contains("href=\"/forgot\""));
    // A form from a tab that was opened before gets the same answer.
    let back = submit(&app, "", &at, "reset_password", &fields).await;
    let shown = page(&app, "", &back).await;
    assert!(shown.contains("used or has expired") && !shown.contains("name=\"password\""), "{shown}");

    for (path, purpose, endpoint) in [
        ("/confirm", TokenPurpose::Confirm, "confirm_email"),
        ("/confirm-change", TokenPurpose::Change, "confirm_email_change"),
    ] {
        let user = app.user().await;
        let cookie = session_cookie(&app, user).await;
        let to = if purpose == TokenPurpose::Change {
            format!("new-{}", email(&app, user).await)
        } else {
            email(&app, user).await
        };
        let token = insert_mail_link(&app, user, purpose, &to).await;
        let at = format!("{path}?token={token}");
        let endpoint_of = format!("action=\"/_fn/{endpoint}\"");
        assert!(page(&app, &cookie, &at).await.contains(&endpoint_of));
        let to = submit(&app, &cookie, &at, endpoint, &[("token", &token)]).await;
        assert!(page(&app, &cookie, &to).await.contains("class=\"toast\""));
        for reader in [&*cookie, ""] {
            let shown = page(&app, reader, &at).await;
            let main = shown.split("<main").nth(1).unwrap();
            assert!(main.contains("used or has expired"), "{path}: {main}");
            assert!(
                !main.contains(&endpoint_of) && !main.contains("name=\"new_password\""),
                "{path}: {main}"
            );
        }
        let never = page(&app, "", &format!("{path}?token=made-up")).await;
        assert!(never.contains("used or has expired") && !never.contains("name=\"token\""), "{never}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_reset_clears_sign_in_throttle() {
    let app = App::start().await;
    let user = app.user().await;
    let address = email(&app, user).await;
    let sign_in = async |password: &str| {
        let request = form_request(&app, "sign_in", &[("email", &address), ("password", password)]);
        request.header(ACCEPT, "application/json").send().await.unwrap().status().as_u16()
    };
    let mut attempts = 0;
    while sign_in("not this password").await != 429 {
        attempts += 1;
        assert!(attempts < 20, "sign-in is not throttled");
    }
    assert_eq!(sign_in(PASSWORD).await, 429, "the correct password has to wait, too");
    let token = insert_mail_link(&app, user, TokenPurpose::Reset, &address).await;
    submit(&app, "", "/reset", "reset_password", &[("token", &token), ("password", NEW_PASSWORD)]).await;
    assert_eq!(sign_in(NEW_PASSWORD).await, 200, "the reset ends the throttle for every browser");
    assert_eq!(sign_in(PASSWORD).await, 401);
    assert!(app.services.list_api_keys(&Caller::operator(user)).await.is_ok());
    let shown = app.http.get(app.url("/keys")).header(COOKIE, "").send().await.unwrap();
    assert_eq!(shown.status(), 302);
}
