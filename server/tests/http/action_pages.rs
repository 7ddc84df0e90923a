//! The actions on the pages of an assistant and the notices after them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::pages::{outcome, outcome_at, page, submit};
use crate::sessions::session_cookie;
use crate::support::{App, activation, bot_token, eventually, merged};

#[tokio::test(flavor = "multi_thread")]
async fn redeploy_of_active_assistant_confirms_and_shows_toast() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let path = format!("/assistants/{id}");
    let shown = page(&app, &cookie, &path).await;
    let dialog = shown.split("id=\"redeploy\"").nth(1).expect("the dialog is missing");
    let dialog = dialog.split("popovertargetaction=\"hide\"").next().unwrap();
    assert!(
        dialog.contains("Redeploy My Assistant?") && dialog.contains("action=\"/_fn/redeploy\""),
        "{dialog}"
    );
    let to = submit(&app, &cookie, &path, "redeploy", &[("id", &id)]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} redeployed"));
    assert!(page(&app, &cookie, &to).await.contains("class=\"toast\""));
    me.wait_for_status(&id, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_shows_toast_and_start_button() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let path = format!("/assistants/{id}");
    let to = submit(&app, &cookie, &path, "stop", &[("id", &id)]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} stopped"));
    let shown = page(&app, &cookie, &to).await;
    assert!(shown.contains("class=\"toast\"") && shown.contains("until you start it again"), "{shown}");
    assert!(
        shown.contains(">Start</button>") && shown.contains("Starts with the current settings."),
        "{shown}"
    );
    for gone in [">Stop</button>", ">Redeploy</button>", "id=\"redeploy\"", "Deploys the current settings."] {
        assert!(!shown.contains(gone), "{gone}");
    }
    let to = submit(&app, &cookie, &path, "redeploy", &[("id", &id)]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("{path} started"));
    assert!(page(&app, &cookie, &to).await.contains("class=\"toast\""));
    me.wait_for_status(&id, "active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn toast_without_scripts_can_be_dismissed() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let path = format!("/assistants/{id}");
    for (from, endpoint, fields) in
        [(&*path, "stop", &[("id", &*id)][..]), ("/settings", "resend_confirmation", &[])]
    {
        let path = submit(&app, &cookie, from, endpoint, fields).await;
        let shown = page(&app, &cookie, &path).await;
        let toast = shown
            .split("class=\"toast\"")
            .nth(1)
            .expect("the toast is missing")
            .split("</form>")
            .next()
            .unwrap();
        let bare = path.split('?').next().unwrap();
        assert!(
            toast.contains(&format!("action=\"{bare}\"")) && toast.contains("aria-label=\"Dismiss\""),
            "{toast}"
        );
        assert!(!page(&app, &cookie, bare).await.contains("class=\"toast\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notice_without_its_form_is_not_shown() {
    let app = App::start().await;
    let user = app.user().await;
    let cookie = session_cookie(&app, user).await;
    let typed = "/settings?done=password_changed";
    assert!(!page(&app, &cookie, typed).await.contains("class=\"toast\""));
    for address in ["/signin?done=password_reset", "/forgot?done=reset_sent", "/confirm?done=email_confirmed"]
    {
        assert!(!page(&app, "", address).await.contains("class=\"toast\""), "{address}");
    }
    // The cookie of a notice shows no other notice.
    let to = submit(&app, &cookie, "/settings", "resend_confirmation", &[]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, "/settings confirmation_sent");
    let shown = page(&app, &cookie, typed).await;
    assert!(shown.contains("Confirmation email sent.") && !shown.contains("Password changed."), "{shown}");
    assert!(!page(&app, &cookie, &to).await.contains("class=\"toast\""), "it is shown once");
    assert!(!page(&app, &cookie, typed).await.contains("class=\"toast\""));
    // Visitors without a session see the notices of their forms too.
    let fields = [("email", "nobody@example.com")];
    let to = submit(&app, "", "/forgot", "forgot_password", &fields).await;
    assert_eq!(outcome_at(&app, "", &to).await, "/forgot reset_sent");
    assert!(page(&app, "", &to).await.contains("class=\"toast\""));
    assert!(!page(&app, "", &to).await.contains("class=\"toast\""), "it is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn goodbye_page_says_deleted_only_after_deletion() {
    let app = App::start().await;
    let user = app.user().await;
    let cookie = session_cookie(&app, user).await;
    let password = [("password", "correct horse battery staple 9")];
    let to = submit(&app, &cookie, "/settings", "delete_account", &password).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, "/goodbye account_deleted");
    assert!(page(&app, &cookie, &to).await.contains("<h1>Account deleted</h1>"));
    for (reader, typed) in [("", "/goodbye?done=account_deleted"), ("", &*to), (&*cookie, &*to)] {
        let shown = page(&app, reader, typed).await;
        assert!(!shown.contains("Account deleted") && !shown.contains("this one"), "{typed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_key_is_removed_and_live_key_revoked() {
    let app = App::start().await;
    let user = app.user().await;
    let cookie = session_cookie(&app, user).await;
    let (_, live) = app.key(user, "read", None).await;
    let (_, expired) = app.key(user, "read", Some(Duration::from_millis(1))).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    for (id, done) in [(live, "key_revoked"), (expired, "key_removed")] {
        assert_eq!(
            outcome(&app, &cookie, "/keys", "revoke_key", &[("id", &id)]).await,
            format!("/keys {done}")
        );
    }
}

/// The list shows the names of models instead of their ids, and its search finds both.
#[tokio::test(flavor = "multi_thread")]
async fn list_shows_and_finds_model_names() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let other = me.purchased("managed").await;
    let body = json!({"name": "Managed", "modelId": "anthropic/claude-sonnet-4.5", "telegramBotToken": bot_token("ok")});
    me.ok("POST", &format!("/{other}/activate"), body).await;
    me.wait_for_status(&other, "active").await;
    let shown = page(&app, &cookie, "/assistants").await;
    assert!(shown.contains(">Claude Sonnet 4.5<"), "{shown}");
    assert!(!shown.contains("claude-sonnet-4"), "{shown}");
    let detail = page(&app, &cookie, &format!("/assistants/{id}")).await;
    assert!(detail.contains("Claude Sonnet 4.5 (Anthropic)"), "{detail}");
    let found = page(&app, &cookie, "/assistants?q=sonnet+4.5").await;
    assert!(found.contains("2 assistants found"), "{found}");
    // The search also finds the id that the API uses.
    assert!(page(&app, &cookie, "/assistants?q=20250929").await.contains("1 assistant found"));
    assert!(page(&app, &cookie, "/assistants?q=opus").await.contains("No results for “opus”"));
}

/// OpenRouter and the sandbox list models as `Vendor: Model`.
#[tokio::test(flavor = "multi_thread")]
async fn form_after_catalog_refresh_shows_model_names() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let (own, managed) = (me.purchased("byok").await, me.purchased("managed").await);
    let list: Value = app
        .http
        .get(app.url("/sandbox/openrouter/api/v1/models"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let listed: Vec<_> = list["data"].as_array().expect("the value is not a list").iter().collect();
    let rows: Vec<reef_domain::catalog::ListedModel> = listed
        .iter()
        .map(|model| serde_json::from_value((*model).clone()).expect("the model is invalid"))
        .collect();
    // Some entries have an id instead of a name.
    let mut rows = rows;
    rows.push(reef_domain::catalog::ListedModel {
        id: "x-ai/grok-9-fast".to_owned(),
        name: "x-ai/grok-9-fast".to_owned(),
        prices: None,
    });
    let mut tx = app.services.store().begin().await.unwrap();
    tx.upsert_catalog("openrouter", &rows, app.services.now()).await.unwrap();
    tx.commit().await.unwrap();
    for id in [&own, &managed] {
        let shown = page(&app, &cookie, &format!("/assistants/{id}")).await;
        let options: Vec<&str> = shown.split("<option value=\"").skip(1).collect();
        assert!(options.len() > 15);
        for option in options {
            let (value, rest) = option.split_once('"').unwrap();
            let name = rest.split_once('>').unwrap().1.split('<').next().unwrap();
            assert!(!name.contains('/') && name != value && !name.contains(":claude"), "{value}: {name}");
        }
        assert!(shown.contains("Grok 9 Fast"), "{id}");
    }
    // A model that was removed from the catalog still has a name.
    let body = merged(
        activation(&bot_token("ok")),
        json!({"modelProvider": "openrouter", "modelId": "x-ai/grok-9-fast", "modelApiKey": "sk-or-v1-good"}),
    );
    me.ok("POST", &format!("/{own}/activate"), body).await;
    eventually("an end", async || {
        Some(me.get(&format!("/{own}")).await).filter(|record| record["status"] != "deploying")
    })
    .await;
    let mut tx = app.services.store().begin().await.unwrap();
    rows.pop();
    tx.upsert_catalog("openrouter", &rows, app.services.now().plus(Duration::from_secs(1))).await.unwrap();
    tx.commit().await.unwrap();
    for path in ["/assistants".to_owned(), format!("/assistants/{own}")] {
        let shown = page(&app, &cookie, &path).await;
        assert!(shown.contains("Grok 9 Fast") && !shown.contains(">x-ai/grok"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assistant_pages_hide_worker_and_json() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let shown = page(&app, &cookie, &format!("/assistants/{id}")).await;
    assert!(!shown.contains("openclaw-") && !shown.contains("href=\"http://127.0.0.1"), "{shown}");
    me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    assert!(!page(&app, &cookie, &format!("/assistants/{id}")).await.contains("openclaw-"));
    me.ok("DELETE", &format!("/{id}"), Value::Null).await;
    assert!(!page(&app, &cookie, &format!("/receipts/{id}")).await.contains("openclaw-"));
    // No link replaces the page with JSON.
    for path in ["/", "/docs", "/docs/quick-start", "/docs/errors", "/keys", "/billing", "/settings"] {
        let shown = page(&app, &cookie, path).await;
        for link in shown.split("<a ").skip(1).filter_map(|rest| rest.split('>').next()) {
            let is_data = link.contains("/api/") || link.contains("/workers/");
            assert!(
                !is_data || link.contains("target=\"_blank\"") || link.contains("download"),
                "{path}: {link}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn result_of_form_has_focus() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.purchased("byok").await;
    let path = format!("/assistants/{id}");
    let token = bot_token("ok");
    let fields = [
        ("id", &*id),
        ("name", "Coral"),
        ("model", "anthropic:claude-sonnet-5"),
        ("telegram_bot_token", &token),
        ("model_api_key", "sk-ant-good"),
    ];
    let to = submit(&app, &cookie, &path, "activate", &fields).await;
    let shown = page(&app, &cookie, &to).await;
    assert!(shown.contains("tabindex=\"-1\" autofocus class=\"form-result\""), "{to}: {shown}");
    assert!(
        !page(&app, &cookie, &path).await.contains("autofocus class=\"form-result\""),
        "only a page that a form led to takes the focus"
    );
    let token = crate::pages::hidden(&page(&app, &cookie, "/keys").await, "token");
    let to = submit(
        &app,
        &cookie,
        "/keys",
        "create_key",
        &[("name", "focus"), ("read", "true"), ("token", &token)],
    )
    .await;
    let shown = page(&app, &cookie, &to).await;
    let heading = shown.split("id=\"created-key\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(heading.contains("autofocus") && heading.contains("tabindex=\"-1\""), "{heading}");
    // The page does not claim that the key is shown for a minute only.
    for untrue in ["for a minute", "within the minute"] {
        assert!(!shown.contains(untrue), "{untrue}");
    }
}
