//! The forms that activate and edit an assistant, sent by a browser without scripts. Values that fail the checks are not
//! deployed, and a running assistant keeps running.

use serde_json::json;

use crate::customer::Customer;
use crate::pages::{hidden, outcome_at, page, submit};
use crate::sessions::session_cookie;
use crate::support::{App, bot_token, eventually};

/// The fields whose values differ from those on the page.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// Submits the edit form of an assistant's page with `typed` in it, and returns the redirect's location.
async fn edit(me: &Customer<'_>, cookie: &str, id: &str, endpoint: &str, typed: Typed<'_>) -> String {
    let fields = edit_fields(me, cookie, id, typed).await;
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    submit(me.app, cookie, &format!("/assistants/{id}"), endpoint, &fields).await
}

/// The fields of the edit form as it is rendered, with `typed` entered.
async fn edit_fields<'t>(
    me: &Customer<'_>,
    cookie: &str,
    id: &str,
    typed: Typed<'t>,
) -> Vec<(&'t str, String)> {
    let record = me.get(&format!("/{id}")).await;
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let shown = page(me.app, cookie, &format!("/assistants/{id}")).await;
    let mut fields = vec![
        ("id", id.to_owned()),
        ("name", text("name")),
        ("model", format!("{}:{}", text("modelProvider"), text("modelId"))),
        ("callback_url", text("userCallbackUrl")),
        ("baseline", hidden(&shown, "baseline").replace("&quot;", "\"")),
    ];
    fields.retain(|(name, _)| typed.iter().all(|(other, _)| other != name));
    fields.extend(typed.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

/// The statuses and failure codes of the timeline, oldest first.
async fn timeline(app: &App, id: &str) -> Vec<(String, String)> {
    let events = app.events(id).await;
    let code = |message: Option<String>| {
        message.unwrap_or_default().split(':').next().unwrap_or_default().to_owned()
    };
    events.into_iter().map(|event| (event.status.to_string(), code(event.status_message))).collect()
}

fn pairs(walked: &[(&str, &str)]) -> Vec<(String, String)> {
    walked.iter().map(|(status, code)| ((*status).to_owned(), (*code).to_owned())).collect()
}

const START_TIMELINE: [(&str, &str); 3] = [("purchased", ""), ("deploying", ""), ("active", "")];

#[tokio::test(flavor = "multi_thread")]
async fn edit_with_failed_checks_changes_nothing() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let before = me.get(&format!("/{id}")).await;
    let (key, token) = ("sk-ant-refused-known-secret", bot_token("revoked"));
    let typed = [("name", "Pearl of the sea"), ("model_api_key", key), ("telegram_bot_token", &*token)];
    let back = edit(&me, &cookie, &id, "change", &typed).await;
    let shown = page(&app, &cookie, &back).await;
    for said in [
        "Nothing was changed, and My Assistant keeps running.",
        "Telegram rejected this token.",
        "The provider rejected this key.",
        "value=\"Pearl of the sea\"",
    ] {
        assert!(shown.contains(said), "{said}");
    }
    for secret in [key, &*token] {
        assert!(!shown.contains(secret) && !back.contains(secret));
    }
    assert_eq!(me.get(&format!("/{id}")).await, before);
    assert_eq!(timeline(&app, &id).await, pairs(&START_TIMELINE));
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_with_failed_deployment_is_undone() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let before = me.get(&format!("/{id}")).await;
    let token = bot_token("conflict");
    let typed = [("model", "anthropic:claude-opus-5"), ("telegram_bot_token", &*token)];
    let to = edit(&me, &cookie, &id, "change", &typed).await;
    assert_eq!(
        outcome_at(&app, &cookie, &to).await,
        format!("/assistants/{id}"),
        "a change that is being deployed shows no notice that it was saved"
    );
    let whole = [
        &START_TIMELINE[..],
        &[("deploying", ""), ("failed", "TELEGRAM_CONFLICT")],
        &[("deploying", "TELEGRAM_CONFLICT"), ("active", "TELEGRAM_CONFLICT")],
    ]
    .concat();
    eventually("the change is undone", async || {
        (timeline(&app, &id).await.len() == whole.len()).then_some(())
    })
    .await;
    assert_eq!(timeline(&app, &id).await, pairs(&whole));
    let record = me.get(&format!("/{id}")).await;
    assert_eq!((&record["status"], &record["modelId"]), (&json!("active"), &before["modelId"]));
    let shown = page(&app, &cookie, &to).await;
    assert!(shown.contains("Your change was undone because another app is using the bot"));
    assert!(shown.contains("The name and the webhook URL stay as you saved them."), "{shown}");
    // What was changed and restored is in the activity, and not in the API.
    let history = page(&app, &cookie, &format!("{to}/history")).await;
    for note in ["Settings changed: model and bot token.", "Change undone. Restored: model and bot token."] {
        assert!(shown.contains(note) && history.contains(note), "{note}");
    }
    let events = me.get(&format!("/{id}/events")).await.to_string();
    assert!(events.contains("TELEGRAM_CONFLICT"), "{events}");
    assert!(!events.contains("\"note\"") && !events.contains("Restored"), "{events}");
    assert!(shown.contains(">Edit again</a>") && !shown.contains("Saved."));
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_of_name_and_callback_url_does_not_redeploy() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let typed = [("name", "Pearl"), ("callback_url", "https://callbacks.sandbox.test/pearl")];
    let to = edit(&me, &cookie, &id, "change", &typed).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("/assistants/{id} settings_applied"));
    let record = me.get(&format!("/{id}")).await;
    assert_eq!((&record["name"], &record["status"]), (&json!("Pearl"), &json!("active")));
    assert_eq!(record["userCallbackUrl"], "https://callbacks.sandbox.test/pearl");
    assert_eq!(timeline(&app, &id).await, pairs(&START_TIMELINE));
    // Editing a stopped assistant does not start it.
    me.ok("POST", &format!("/{id}/stop"), json!({})).await;
    let to = edit(&me, &cookie, &id, "update", &[("callback_url", "")]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("/assistants/{id} settings_saved"));
    let record = me.get(&format!("/{id}")).await;
    assert_eq!((&record["userCallbackUrl"], &record["status"]), (&json!(null), &json!("stopped")));
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_without_changes_shows_no_saved_notice() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.active().await;
    let unchanged = format!("/assistants/{id} nothing_changed");
    let to = edit(&me, &cookie, &id, "change", &[]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, unchanged);
    let shown = page(&app, &cookie, &to).await;
    assert!(shown.contains("class=\"toast\"") && !shown.contains("Saved."), "{shown}");
    me.ok("POST", &format!("/{id}/stop"), json!({})).await;
    let to = edit(&me, &cookie, &id, "update", &[]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, unchanged);
    // A new secret is a change that the record does not show.
    let to = edit(&me, &cookie, &id, "update", &[("model_api_key", "sk-ant-other")]).await;
    assert_eq!(outcome_at(&app, &cookie, &to).await, format!("/assistants/{id} settings_saved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn activation_form_with_failed_checks_deploys_nothing() {
    let app = App::start().await;
    let me = app.customer().await;
    let cookie = session_cookie(&app, me.user).await;
    let id = me.purchased("byok").await;
    let (path, token) = (format!("/assistants/{id}"), bot_token("revoked"));
    let fields = [
        ("id", &*id),
        ("name", "Pearl of the sea"),
        ("model", "anthropic:claude-sonnet-5"),
        ("model_api_key", "sk-ant-broke-known-secret"),
        ("telegram_bot_token", &*token),
    ];
    let back = submit(&app, &cookie, &path, "activate", &fields).await;
    let shown = page(&app, &cookie, &back).await;
    for said in ["Telegram rejected this token.", "the account has no credit", "value=\"Pearl of the sea\""] {
        assert!(shown.contains(said), "{said}");
    }
    assert!(!shown.contains("known-secret") && !shown.contains(&token) && !back.contains(&token));
    assert_eq!(me.get(&format!("/{id}")).await["status"], "purchased");
    assert_eq!(timeline(&app, &id).await, pairs(&START_TIMELINE[..1]));
    // The API accepts the same values, and the deployment fails.
    let body = json!({"name": "Pearl", "modelProvider": "anthropic", "modelId": "claude-sonnet-5",
        "modelApiKey": "sk-ant-good", "telegramBotToken": token});
    me.ok("POST", &format!("/{id}/activate"), body).await;
    me.wait_for_status(&id, "failed").await;
}
