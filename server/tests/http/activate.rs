//! `POST …/activate`: the rules of each field and of each mode.

use futures::future::join;
use serde_json::{Value, json};

use crate::client::Body;
use crate::support::{App, activation, bot_token, issues, merged, on_both_databases, pairs};

/// Asserts that each change of a valid body is rejected with exactly one issue.
async fn assert_rejected(app: &App, code: &str, cases: Vec<(Value, &str, &str)>) {
    let me = app.customer().await;
    let id = me.in_status("purchased").await;
    for (change, path, issue) in cases {
        let body = merged(activation(&bot_token("ok")), change.clone());
        let error = me.fails(400, code, "POST", &format!("/{id}/activate"), body).await;
        assert_eq!(issues(&error), pairs(&[(path, issue)]), "{change}");
    }
    assert_eq!(me.get(&format!("/{id}")).await["status"], "purchased");
}

#[tokio::test]
async fn invalid_field_is_rejected() {
    let app = App::start().await;
    let long = |length: usize| "🦀".repeat(length);
    let cases = vec![
        (json!({"name": "…"}), "name", "required"),
        (json!({"name": ""}), "name", "required"),
        (json!({"name": " \t\u{a0} "}), "name", "required"),
        (json!({"name": long(101)}), "name", "too_long"),
        (json!({"name": "a\u{0}b"}), "name", "invalid_characters"),
        (json!({"name": "a\nb"}), "name", "invalid_characters"),
        (json!({"name": "a\u{7f}b"}), "name", "invalid_characters"),
        (json!({"name": "a\u{85}b"}), "name", "invalid_characters"),
        (json!({"modelId": "…"}), "modelId", "required"),
        (json!({"modelId": ""}), "modelId", "required"),
        (json!({"modelId": "x".repeat(201)}), "modelId", "too_long"),
        (json!({"telegramBotToken": "…"}), "telegramBotToken", "required"),
        (json!({"telegramBotToken": ""}), "telegramBotToken", "required"),
        (json!({"telegramBotToken": "x".repeat(257)}), "telegramBotToken", "too_long"),
        (json!({"telegramBotToken": "1:a b"}), "telegramBotToken", "invalid_characters"),
        (json!({"telegramBotToken": "1:a\u{0}"}), "telegramBotToken", "invalid_characters"),
        (json!({"telegramBotToken": " 1:a"}), "telegramBotToken", "invalid_characters"),
    ];
    assert_rejected(&app, "INVALID_REQUEST", cases).await;
}

#[tokio::test]
async fn callback_url_must_be_public_https() {
    let app = App::start().await;
    let bad = [
        "",
        "example.com",
        "http://example.com/",
        "ftp://example.com/",
        "https://localhost/",
        "https://a.localhost/",
        "https://printer.local/",
        "https://db.internal/",
        "https://intranet/",
        "https://example.com./",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fe80::1]/",
        "https://user@example.com/",
        "https://user:pw@example.com/",
        "https://example.com/#x",
        "https://exa mple.com/",
        " https://example.com/",
        "javascript:alert(1)",
    ];
    let case = |url: &str| (json!({"callbackUrl": url}), "callbackUrl", "invalid_url");
    let mut cases: Vec<_> = bad.into_iter().map(case).collect();
    let long = format!("https://example.com/{}", "x".repeat(2048 - 19));
    cases.push((json!({"callbackUrl": long}), "callbackUrl", "too_long"));
    assert_rejected(&app, "INVALID_REQUEST", cases).await;
    let me = app.customer().await;
    let longest = format!("https://example.com/{}", "x".repeat(2048 - 20));
    for good in ["https://example.com", "https://8.8.8.8:8443/a?b=c", "https://EXAMPLE.com/ü", &longest] {
        let id = me.in_status("purchased").await;
        let body = merged(activation(&bot_token("stuck")), json!({"callbackUrl": good}));
        let record = me.ok("POST", &format!("/{id}/activate"), body).await;
        assert_eq!(record["userCallbackUrl"], good);
    }
}

#[tokio::test]
async fn byok_requires_provider_model_and_key() {
    let app = App::start().await;
    let cases = vec![
        (json!({"modelProvider": "…"}), "modelProvider", "required"),
        (json!({"modelProvider": ""}), "modelProvider", "required"),
        (json!({"modelProvider": "nobody"}), "modelProvider", "unknown_provider"),
        (json!({"modelProvider": "Anthropic"}), "modelProvider", "unknown_provider"),
        (json!({"modelApiKey": "…"}), "modelApiKey", "required"),
        (json!({"modelApiKey": ""}), "modelApiKey", "required"),
        (json!({"modelApiKey": "a b"}), "modelApiKey", "invalid_characters"),
        (json!({"modelId": "gpt-5"}), "modelId", "unknown_model"),
        (json!({"modelId": "claude-sonnet-4-5-20250928"}), "modelId", "unknown_model"),
        (json!({"modelProvider": "openai"}), "modelId", "unknown_model"),
    ];
    assert_rejected(&app, "INVALID_INPUT", cases).await;
    let me = app.customer().await;
    let activate = format!("/{}/activate", me.in_status("purchased").await);
    let both = merged(activation(&bot_token("ok")), json!({"modelProvider": "…", "modelApiKey": "…"}));
    let error = me.fails(400, "INVALID_INPUT", "POST", &activate, both).await;
    assert_eq!(issues(&error), pairs(&[("modelProvider", "required"), ("modelApiKey", "required")]));
    assert_eq!(error["message"], "Some settings don't fit this assistant. See the issues in details.");
    // The message suggests the nearest names, the most likely first.
    let typo = merged(activation(&bot_token("ok")), json!({"modelId": "claude-sonet-5"}));
    let error = me.fails(400, "INVALID_INPUT", "POST", &activate, typo).await;
    let message = error["details"]["issues"][0]["message"].as_str().unwrap();
    assert!(message.contains("Closest matches: claude-sonnet-5, "), "{message}");
    let nobody = merged(activation(&bot_token("ok")), json!({"modelProvider": "antropic"}));
    let error = me.fails(400, "INVALID_INPUT", "POST", &activate, nobody).await;
    let message = error["details"]["issues"][0]["message"].as_str().unwrap();
    assert!(message.contains("anthropic"), "{message}");
}

#[tokio::test]
async fn name_is_trimmed_and_limited_to_100_characters() {
    let app = App::start().await;
    let me = app.customer().await;
    let longest = "🦀".repeat(100);
    for (given, kept) in [("x", "x"), (&format!("  {longest}\n"), longest.as_str()), ("  Zoë  ", "Zoë")] {
        let id = me.in_status("purchased").await;
        let body = merged(activation(&bot_token("stuck")), json!({"name": given}));
        assert_eq!(me.ok("POST", &format!("/{id}/activate"), body).await["name"], kept);
    }
}

#[tokio::test]
async fn managed_ignores_provider_and_key() {
    let app = App::start().await;
    let me = app.customer().await;
    let changes = [
        json!({"modelProvider": "…", "modelApiKey": "…", "modelId": "openrouter/auto"}),
        json!({"modelProvider": "nobody", "modelApiKey": " ", "modelId": "anthropic/claude-sonnet-4.5"}),
        json!({"modelProvider": "", "modelApiKey": "refused"}),
    ];
    for change in changes {
        let id = me.purchased("managed").await;
        let body = merged(activation(&bot_token("ok")), change.clone());
        let record = me.ok("POST", &format!("/{id}/activate"), body.clone()).await;
        assert_eq!((&record["modelProvider"], &record["modelId"]), (&json!("openrouter"), &body["modelId"]));
        me.wait_for_status(&id, "active").await;
    }
    let id = me.purchased("managed").await;
    let unknown = merged(activation(&bot_token("ok")), json!({"modelId": "gpt-55"}));
    let error = me.fails(400, "INVALID_INPUT", "POST", &format!("/{id}/activate"), unknown).await;
    assert_eq!(issues(&error), pairs(&[("modelId", "unknown_model")]));
    // The types of ignored fields are still checked.
    let wrong = merged(activation(&bot_token("ok")), json!({"modelApiKey": 1}));
    me.fails(400, "INVALID_REQUEST", "POST", &format!("/{id}/activate"), wrong).await;
}

#[tokio::test]
async fn bot_in_use_by_same_owner_is_rejected() {
    let app = App::start().await;
    let me = app.customer().await;
    let token = bot_token("ok");
    let first = me.purchased("byok").await;
    me.ok("POST", &format!("/{first}/activate"), activation(&token)).await;
    me.wait_for_status(&first, "active").await;
    let activate = format!("/{}/activate", me.purchased("byok").await);
    let error = me.fails(400, "INVALID_INPUT", "POST", &activate, activation(&token)).await;
    assert_eq!(issues(&error), pairs(&[("telegramBotToken", "in_use")]));
    assert!(!error.to_string().contains(&token), "{error}");
    me.ok("POST", &format!("/{first}/stop"), Value::Null).await;
    me.ok("POST", &activate, activation(&token)).await;
    // A failed assistant is not stopped, so its bot is still in use.
    let revoked = bot_token("revoked");
    let failed = me.purchased("byok").await;
    me.ok("POST", &format!("/{failed}/activate"), activation(&revoked)).await;
    me.wait_for_status(&failed, "failed").await;
    let activate = format!("/{}/activate", me.purchased("byok").await);
    me.fails(400, "INVALID_INPUT", "POST", &activate, activation(&revoked)).await;
    me.ok("DELETE", &format!("/{failed}"), Value::Null).await;
    me.ok("POST", &activate, activation(&revoked)).await;
}

on_both_databases! {
    async fn concurrent_activations_one_succeeds(app) {
        let me = app.customer().await;
        for _ in 0..3 {
            let path = format!("/{}/activate", me.purchased("byok").await);
            // With these bots, the first deployment is still running when the second request arrives.
            let one = me.send("POST", &path, activation(&bot_token("stuck")));
            let two = me.send("POST", &path, activation(&bot_token("stuck")));
            let (one, two) = join(one, two).await;
            let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
            won.data(200);
            assert_eq!(lost.error(409, "INVALID_STATE")["details"]["currentStatus"], "deploying");
        }
    }

    async fn concurrent_activations_with_same_bot_one_succeeds(app) {
        let me = app.customer().await;
        for _ in 0..3 {
            let token = bot_token("ok");
            let (assistant, b) = (me.purchased("byok").await, me.purchased("byok").await);
            let path = |id: &str| format!("/api/v1/assistants/{id}/activate");
            let (path_a, path_b) = (path(&assistant), path(&b));
            let one = me.call("POST", &path_a, Body::Json(activation(&token)));
            let two = me.call("POST", &path_b, Body::Json(activation(&token)));
            let (one, two) = join(one, two).await;
            let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
            won.data(200);
            lost.error(400, "INVALID_INPUT");
        }
    }
}
