//! `PATCH …/{id}`: what can be changed in which mode.

use serde_json::{Value, json};

use crate::support::{App, activation, bot_token, issues, merged, pairs};

#[tokio::test]
async fn each_field_can_be_updated_alone() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let path = format!("/{id}");
    let mut record = me.get(&path).await;
    let changes = [
        json!({"name": "  Renamed  "}),
        json!({"modelId": "claude-sonnet-5"}),
        json!({"modelProvider": "openai", "modelId": "gpt-5", "modelApiKey": "sk-1"}),
        json!({"modelProvider": "openai"}),
        json!({"name": "Both", "modelId": "gpt-5-mini"}),
    ];
    for change in changes {
        let answer = me.ok("PATCH", &path, change.clone()).await;
        let mut expected = record.clone();
        for key in ["name", "modelProvider", "modelId"] {
            if let Some(value) = change.get(key) {
                expected[key] = json!(value.as_str().unwrap().trim());
            }
        }
        expected["updatedAt"] = answer["updatedAt"].clone();
        assert_eq!(answer, expected, "{change}");
        assert_eq!(me.get(&path).await, answer);
        record = answer;
    }
}

#[tokio::test]
async fn updated_at_changes_with_public_fields_only() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let path = format!("/{id}");
    let before = me.get(&path).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let silent = [
        json!({"name": before["name"]}),
        json!({"modelId": before["modelId"], "modelProvider": before["modelProvider"]}),
        json!({"telegramBotToken": bot_token("ok")}),
        json!({"modelApiKey": "sk-another"}),
    ];
    for change in silent {
        assert_eq!(me.ok("PATCH", &path, change.clone()).await, before, "{change}");
    }
    let after = me.ok("PATCH", &path, json!({"name": "Other"})).await;
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str(), "{after}");
    assert_eq!(after["createdAt"], before["createdAt"]);
}

#[tokio::test]
async fn empty_or_unknown_update_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let path = format!("/{id}");
    let cases = [
        (json!({}), ("", "required")),
        (json!({"callbackUrl": "https://example.com/"}), ("callbackUrl", "unknown_key")),
        (json!({"status": "active"}), ("status", "unknown_key")),
        (json!({"name": ""}), ("name", "required")),
        (json!({"name": "x".repeat(101)}), ("name", "too_long")),
        (json!({"name": "a\u{1b}"}), ("name", "invalid_characters")),
        (json!({"modelId": ""}), ("modelId", "required")),
        (json!({"telegramBotToken": "a b"}), ("telegramBotToken", "invalid_characters")),
        (json!({"telegramBotToken": ""}), ("telegramBotToken", "required")),
    ];
    for (body, issue) in cases {
        let error = me.fails(400, "INVALID_REQUEST", "PATCH", &path, body.clone()).await;
        assert_eq!(issues(&error), pairs(&[issue]), "{body}");
    }
}

#[tokio::test]
async fn byok_rejects_inconsistent_provider_model_and_key() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let path = format!("/{id}");
    let before = me.get(&path).await;
    let cases = [
        (json!({"modelId": "gpt-5"}), vec![("modelId", "unknown_model")]),
        (json!({"modelId": "claude-sonnet-55"}), vec![("modelId", "unknown_model")]),
        // The current model does not exist at the new provider, and the current key belongs to the old one.
        (json!({"modelProvider": "openai"}), vec![("modelId", "unknown_model"), ("modelApiKey", "required")]),
        (json!({"modelProvider": "openai", "modelApiKey": "sk-1"}), vec![("modelId", "unknown_model")]),
        (json!({"modelProvider": "openai", "modelId": "gpt-5"}), vec![("modelApiKey", "required")]),
        (json!({"modelProvider": "nobody"}), vec![("modelProvider", "unknown_provider")]),
        (json!({"modelApiKey": ""}), vec![("modelApiKey", "required")]),
        (json!({"modelApiKey": "a b"}), vec![("modelApiKey", "invalid_characters")]),
        // A valid name is not saved together with an invalid model.
        (json!({"name": "Half", "modelId": "gpt-5"}), vec![("modelId", "unknown_model")]),
    ];
    for (body, expected) in cases {
        let error = me.fails(400, "INVALID_INPUT", "PATCH", &path, body.clone()).await;
        assert_eq!(issues(&error), pairs(&expected), "{body}");
        assert_eq!(error["message"], "Some settings don't fit this assistant. See the issues in details.");
        assert_eq!(me.get(&path).await, before);
    }
}

#[tokio::test]
async fn managed_rejects_other_provider_and_key() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("managed").await;
    let body = merged(activation(&bot_token("ok")), json!({"modelId": "openrouter/auto"}));
    me.ok("POST", &format!("/{id}/activate"), body).await;
    me.wait_for_status(&id, "active").await;
    me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    let path = format!("/{id}");
    let cases = [
        (json!({"modelApiKey": "sk-1"}), vec![("modelApiKey", "not_allowed")]),
        (json!({"modelProvider": "anthropic"}), vec![("modelProvider", "not_allowed")]),
        (json!({"modelProvider": "nobody"}), vec![("modelProvider", "not_allowed")]),
        (json!({"modelId": "nope"}), vec![("modelId", "unknown_model")]),
        (
            json!({"modelProvider": "openai", "modelApiKey": "sk-1", "name": "x"}),
            vec![("modelProvider", "not_allowed"), ("modelApiKey", "not_allowed")],
        ),
    ];
    for (body, expected) in cases {
        let error = me.fails(400, "INVALID_INPUT", "PATCH", &path, body.clone()).await;
        assert_eq!(issues(&error), pairs(&expected), "{body}");
    }
    let change = json!({"modelProvider": "openrouter", "modelId": "openai/gpt-5-mini", "name": "Other"});
    let after = me.ok("PATCH", &path, change.clone()).await;
    for key in ["modelProvider", "modelId", "name"] {
        assert_eq!(after[key], change[key]);
    }
    me.ok("POST", &format!("{path}/redeploy"), Value::Null).await;
    me.wait_for_status(&id, "active").await;
}

#[tokio::test]
async fn update_before_activation_sets_defaults() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let path = format!("/{id}");
    let error = me.fails(400, "INVALID_INPUT", "PATCH", &path, json!({"modelId": "gpt-5"})).await;
    assert_eq!(issues(&error), pairs(&[("modelProvider", "required")]));
    let change = json!({"name": "Early", "modelProvider": "openai", "modelId": "gpt-5"});
    let kept = me.ok("PATCH", &path, change.clone()).await;
    for key in ["modelProvider", "modelId", "name"] {
        assert_eq!(kept[key], change[key]);
    }
    assert_eq!((&kept["status"], &kept["isPrebuy"]), (&json!("purchased"), &json!(true)));
    let active = me.ok("POST", &format!("{path}/activate"), activation(&bot_token("ok"))).await;
    assert_eq!((&active["name"], &active["modelProvider"]), (&json!("My Assistant"), &json!("anthropic")));
}

#[tokio::test]
async fn bot_in_use_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let token = bot_token("ok");
    let first = me.purchased("byok").await;
    me.ok("POST", &format!("/{first}/activate"), activation(&token)).await;
    let second = me.in_status("stopped").await;
    let path = format!("/{second}");
    let change = json!({"telegramBotToken": token, "name": "Half"});
    let error = me.fails(400, "INVALID_INPUT", "PATCH", &path, change.clone()).await;
    assert_eq!(issues(&error), pairs(&[("telegramBotToken", "in_use")]));
    assert_ne!(me.get(&path).await["name"], "Half");
    me.ok("DELETE", &format!("/{first}"), Value::Null).await;
    me.ok("PATCH", &path, change).await;
}
