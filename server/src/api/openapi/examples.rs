//! Examples of every request and response, taken from the v1 reference.

use serde_json::{Value, json};

use super::settings_examples::{self, Example};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn record(status: &str) -> Value {
    let active = status == "active";
    json!({
        "id": ID, "userId": "01890a5c-0000-7000-8000-000000000001", "organizationId": null, "name": "My API Assistant",
        "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929", "channelType": "telegram",
        "apiMode": "byok", "workerName": "openclaw-ab12cd34",
        "workerUrl": if active { json!("https://openclaw-ab12cd34.workers.dev") } else { Value::Null },
        "status": status, "statusMessage": null, "paymentStatus": "paid", "polarSubscriptionId": "sub_1234",
        "currentPeriodEnd": "2026-03-13T12:00:00.000Z", "canceledAt": null, "isPrebuy": false,
        "userCallbackUrl": "https://example.com/deploy-callback", "createdAt": "2026-02-13T12:00:00.000Z",
        "updatedAt": "2026-02-13T12:00:00.000Z"
    })
}

fn examples() -> Vec<Example> {
    let activation = json!({
        "name": "My Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929",
        "telegramBotToken": "<TELEGRAM_BOT_TOKEN>", "modelApiKey": "<MODEL_API_KEY>",
        "callbackUrl": "https://example.com/deploy-callback"
    });
    let update = json!({"name": "Updated Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929"});
    let purchased = json!({"deploymentId": ID, "checkoutUrl": "https://polar.sh/checkout/session_abc123"});
    let status = json!({
        "id": ID, "status": "active", "statusMessage": null, "workerUrl": "https://openclaw-ab12cd34.workers.dev"
    });
    let event = json!({
        "id": ID, "type": "assistant.status_changed", "sequence": 7, "status": "active", "previousStatus": "deploying",
        "statusMessage": null, "workerUrl": "https://openclaw-ab12cd34.workers.dev", "createdAt": "2026-02-13T12:03:21.456Z"
    });
    let delivery = json!({
        "id": ID, "type": "assistant.status_changed", "sequence": 7, "url": "https://example.com/deploy-callback",
        "state": "delivered", "attempts": 1, "lastStatus": 200, "lastError": null,
        "createdAt": "2026-02-13T12:03:21.456Z", "finishedAt": "2026-02-13T12:03:21.789Z"
    });
    let key = json!({
        "userId": "01890a5c-0000-7000-8000-000000000001", "keyId": ID, "name": "ci", "prefix": "reef_live_1a2b",
        "scopes": ["read", "write"], "expiresAt": null, "lastUsedAt": "2026-02-13T12:00:00.000Z"
    });
    let model = json!({
        "provider": "anthropic", "id": "claude-sonnet-4-5-20250929", "name": "Claude Sonnet 4.5", "modes": ["byok", "managed"]
    });
    let mut examples = vec![
        ("purchaseAssistant", Some(json!({"apiMode": "byok"})), purchased),
        ("activateAssistant", Some(activation), record("deploying")),
        ("getAssistantStatus", None, status),
        ("listAssistants", None, json!([record("deploying")])),
        ("getAssistant", None, record("active")),
        ("updateAssistant", Some(update), record("stopped")),
        (
            "redeployAssistant",
            Some(json!({"callbackUrl": "https://example.com/deploy-callback"})),
            record("deploying"),
        ),
        ("stopAssistant", None, record("stopped")),
        ("deleteAssistant", None, json!({"success": true})),
        ("listAssistantEvents", None, json!([event])),
        ("listCallbacks", None, json!([delivery])),
        ("redeliverCallback", None, delivery.clone()),
        ("testCallback", None, delivery),
        ("getMe", None, key),
        ("listModels", None, json!([model])),
    ];
    examples.extend(settings_examples::examples());
    examples
}

/// Derives the example of an error from the code that its description starts with.
fn error_example(description: &str) -> Option<Value> {
    let code = description.strip_prefix('`')?.split('`').next()?;
    let message = match code {
        "UNAUTHORIZED" => "API key required or invalid API key",
        "INVALID_REQUEST" => "Invalid request body",
        "NOT_FOUND" => "Deployment not found",
        "API_DISABLED" => "Assistant v1 API is disabled",
        "INVALID_STATE" => "An assistant can be redeployed only while it is active, failed or stopped.",
        "PAYMENT_NOT_CONFIGURED" => "Payment system not configured",
        "INTERNAL_ERROR" => "Something went wrong on our side. Try again in a moment.",
        "WORKER_DELETE_FAILED" => {
            "The assistant couldn't be stopped, so it is still running. Try again in a moment."
        }
        "MODEL_FAILED" => "The model account has no credit left. Add credit at the model's provider.",
        "FORBIDDEN" => "This API key does not have the write scope",
        "IDEMPOTENCY_KEY_REUSED" => "This idempotency key was used with another request",
        "REQUEST_IN_PROGRESS" => "The first request with this idempotency key is still running",
        "RATE_LIMITED" => "Too many unpaid orders in the last hour: pay for one, or wait",
        _ => return None,
    };
    let mut error = json!({"code": code, "message": message});
    if code == "INVALID_REQUEST" {
        let issue = json!({"path": "name", "code": "required", "message": "This field is required."});
        error["details"] = json!({"issues": [issue]});
    }
    if code == "INVALID_STATE" {
        error["details"] =
            json!({"currentStatus": "deploying", "allowedStatuses": ["active", "failed", "stopped"]});
    }
    if code == "MODEL_FAILED" {
        error["details"] = json!({"reason": "no_credit"});
    }
    Some(json!({"error": error}))
}

/// Adds an example to every request and response that has a body.
pub(super) fn add_examples(document: &mut Value) {
    let examples = examples();
    for (_, operation) in super::operations(document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let Some((_, request, response)) = examples.iter().find(|(name, ..)| *name == id) else { continue };
        if let Some(request) = request {
            operation["requestBody"]["content"]["application/json"]["example"] = request.clone();
        }
        let Some(answers) = operation["responses"].as_object_mut() else { continue };
        for (status, answer) in answers {
            let description = answer["description"].as_str().unwrap_or_default();
            let example = if status.starts_with('2') {
                Some(json!({"data": response}))
            } else {
                error_example(description)
            };
            if let Some(example) = example {
                answer["content"]["application/json"]["example"] = example;
            }
        }
    }
}
