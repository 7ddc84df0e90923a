//! `GET /api/v1/me` and `GET /api/v1/models`.

use std::time::Duration;

use reef_store::Database;
use serde_json::json;

use crate::client::ApiResponse;
use crate::support::{App, activation, bot_token, eventually, issues, merged, pairs};

#[tokio::test(flavor = "multi_thread")]
async fn me_returns_key_permissions() {
    let app = App::start().await;
    let user = app.user().await;
    let (client, id) = app.key(user, "write", Some(Duration::from_secs(3600))).await;
    let me = ApiResponse::send(client.request("GET", "/api/v1/me")).await.data(200);
    let keys: Vec<_> = me.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["userId", "keyId", "name", "prefix", "scopes", "expiresAt", "lastUsedAt"]);
    assert_eq!((&me["userId"], &me["keyId"]), (&json!(user.to_string()), &json!(id)));
    assert_eq!((&me["name"], &me["scopes"]), (&json!("test"), &json!(["write"])));
    assert!(client.key().starts_with(me["prefix"].as_str().unwrap()));
    assert!(me["expiresAt"].is_string() && me["lastUsedAt"].is_string());
    ApiResponse::send(app.revoked_client(user).await.request("GET", "/api/v1/me"))
        .await
        .error(401, "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_filtered_by_provider_and_mode() {
    let app = App::start().await;
    let me = app.customer().await;
    let models =
        async |query: &str| ApiResponse::send(me.request("GET", &format!("/api/v1/models{query}"))).await;
    let anthropic = models("?provider=anthropic&mode=byok").await.data(200);
    let anthropic = anthropic.as_array().unwrap();
    assert!(
        anthropic.iter().all(|model| model["provider"] == "anthropic" && model["modes"] == json!(["byok"]))
    );
    assert!(anthropic.iter().any(|model| model["id"] == "claude-sonnet-4-5-20250929"));
    assert!(models("").await.data(200).as_array().unwrap().len() > anthropic.len());
    let error = models("?provider=nobody&mode=free").await.error(400, "INVALID_REQUEST");
    assert_eq!(issues(&error), pairs(&[("mode", "invalid_value"), ("provider", "unknown_provider")]));
    assert_eq!(error["message"], "Invalid query parameter");
    let error = models("?mode=byok&mode=managed").await.error(400, "INVALID_REQUEST");
    assert_eq!(issues(&error), pairs(&[("mode", "duplicate_key")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn catalog_refresh_changes_etag() {
    let app = App::start().await;
    let me = app.customer().await;
    let models = async || ApiResponse::send(me.request("GET", "/api/v1/models?provider=openrouter")).await;
    let before = models().await;
    let tag = before.headers["etag"].clone();
    let again = async || {
        let request = me.request("GET", "/api/v1/models?provider=openrouter");
        let answer = request.header("if-none-match", tag.clone()).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(again().await, 304);
    // The next refresh of the catalog is due now.
    let Database::Sqlite { write, .. } = app.services.store().database() else { panic!("on SQLite") };
    let due = "insert into timers (name, next_at) values ('refresh_catalog', 0)
               on conflict (name) do update set next_at = 0";
    sqlx::query(due).execute(write).await.unwrap();
    app.services.enqueue_periodic_jobs().await.unwrap();
    let id = "openai/gpt-6-astra";
    let has = |answer: &ApiResponse| {
        answer.json()["data"].as_array().unwrap().iter().any(|model| model["id"] == id)
    };
    assert!(!has(&before), "the built-in catalog does not contain OpenRouter's id");
    eventually("the sandbox's list", async || has(&models().await).then_some(())).await;
    assert_eq!(again().await, 200);
    let slot = me.purchased("byok").await;
    let change = json!({"modelProvider": "openrouter", "modelId": id, "modelApiKey": "sk-or-v1-any"});
    me.ok("POST", &format!("/{slot}/activate"), merged(activation(&bot_token("ok")), change)).await;
    me.wait_for_status(&slot, "active").await;
}
