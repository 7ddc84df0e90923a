//! Failure codes of deployments and their status messages.

use serde_json::{Value, json};

use crate::customer::Customer;
use crate::support::{App, activation, bot_token, merged};

/// Activates with this change of a valid body and returns the failure code.
async fn failure_code(me: &Customer<'_>, change: Value) -> String {
    let id = me.purchased("byok").await;
    let body = merged(activation(&bot_token("ok")), change);
    me.ok("POST", &format!("/{id}/activate"), body.clone()).await;
    let record = me.wait_for_status(&id, "failed").await;
    assert_eq!(record["workerUrl"], Value::Null);
    let message = record["statusMessage"].as_str().unwrap();
    assert!(message.chars().count() <= 500 && message.ends_with('.'), "{message}");
    for secret in ["telegramBotToken", "modelApiKey"] {
        assert!(!message.contains(body[secret].as_str().unwrap()), "{message}");
    }
    let (code, sentence) = message.split_once(": ").unwrap();
    assert!(sentence.contains("redeploy"), "no way out: {message}");
    code.to_owned()
}

#[tokio::test]
async fn rejected_credentials_fail_with_their_code() {
    let app = App::start().await;
    let me = app.customer().await;
    let cases = [
        (json!({"telegramBotToken": bot_token("revoked")}), "TELEGRAM_TOKEN_REJECTED"),
        (json!({"telegramBotToken": "nonsense"}), "TELEGRAM_TOKEN_REJECTED"),
        (json!({"telegramBotToken": "ünï/../cödé?x=#"}), "TELEGRAM_TOKEN_REJECTED"),
        (json!({"telegramBotToken": bot_token("conflict")}), "TELEGRAM_CONFLICT"),
        (json!({"modelApiKey": "sk-ant-refused-0"}), "MODEL_KEY_REJECTED"),
        (
            json!({"modelProvider": "openai", "modelId": "gpt-5", "modelApiKey": "sk-refused"}),
            "MODEL_KEY_REJECTED",
        ),
        (
            json!({"modelProvider": "google", "modelId": "gemini-2.5-flash", "modelApiKey": "key-refused-0"}),
            "MODEL_KEY_REJECTED",
        ),
        (
            json!({"modelProvider": "openrouter", "modelId": "openrouter/auto", "modelApiKey": "key-refused-0"}),
            "MODEL_KEY_REJECTED",
        ),
    ];
    for (change, code) in cases {
        assert_eq!(failure_code(&me, change.clone()).await, code, "{change}");
    }
}

#[tokio::test]
async fn unavailable_model_fails_with_its_code() {
    let app = App::start().await;
    let me = app.customer().await;
    app.faults(json!([{"path": "/anthropic/v1/models/*", "status": 404}])).await;
    assert_eq!(failure_code(&me, json!({})).await, "MODEL_UNAVAILABLE");
}

#[tokio::test]
async fn stuck_deployment_times_out() {
    let app = App::start_with(&[("DEPLOY_TIMEOUT_SECS", "2")]).await;
    let me = app.customer().await;
    let started = std::time::Instant::now();
    assert_eq!(failure_code(&me, json!({"telegramBotToken": bot_token("stuck")})).await, "DEPLOY_TIMEOUT");
    let took = started.elapsed().as_secs_f64();
    assert!((1.9..6.0).contains(&took), "{took}");
}

#[tokio::test]
async fn transient_vendor_errors_are_retried() {
    let app = App::start().await;
    let me = app.customer().await;
    app.faults(json!([
        {"path": "*/getMe", "status": 500},
        {"path": "/anthropic/*", "status": 503},
        {"path": "*/setWebhook", "drop": true},
    ]))
    .await;
    me.active().await;
}
