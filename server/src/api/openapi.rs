//! The OpenAPI 3.1 document, generated from the handlers' own types, with an example of everything.

use axum::Json;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::schema::ErrorResponse;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Reef",
        version = "1.0.0",
        description = "Hosted assistants: buy a slot, activate it with a name, a model and a Telegram bot, and it answers.\n\nAll success responses use `{ data: ... }` and errors use `{ error: { code, message, details? } }`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "Assistants", description = "The life of an assistant, from purchase to deletion."),
        (name = "Callbacks", description = "What was told to your server, and telling it again."),
        (name = "Account", description = "The key itself, and what can be activated.")
    ),
    components(schemas(ErrorResponse)),
    security(("apiKey" = [])),
    modifiers(&KeyScheme)
)]
struct Base;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut Document) {
        let key =
            ApiKeyValue::with_description("X-API-Key", "Your API key from the dashboard API Keys page.");
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

/// What the routes add their entries to.
pub(super) fn base() -> Document {
    Base::openapi()
}

/// The whole document.
///
/// # Panics
/// Never: the document is made of types that serialize.
#[must_use]
pub fn document() -> Value {
    let (_, document) = super::v1().split_for_parts();
    let mut value = serde_json::to_value(document).expect("the document serializes");
    add_examples(&mut value);
    value
}

/// `GET /api/openapi`: public, and up when the API is turned off.
pub(super) async fn serve() -> impl IntoResponse {
    Json(document())
}

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

/// `(operation, request example, response example)`.
fn examples() -> [(&'static str, Option<Value>, Value); 15] {
    let activation = json!({
        "name": "My Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929",
        "telegramBotToken": "<TELEGRAM_BOT_TOKEN>", "modelApiKey": "<MODEL_API_KEY>",
        "callbackUrl": "https://example.com/deploy-callback"
    });
    let update = json!({"name": "Updated Assistant", "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929"});
    let bought = json!({"deploymentId": ID, "checkoutUrl": "https://polar.sh/checkout/session_abc123"});
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
    [
        ("purchaseAssistant", Some(json!({"apiMode": "byok"})), bought),
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
    ]
}

/// An error's example follows from the code that its description names first.
fn error_example(description: &str) -> Option<Value> {
    let code = description.strip_prefix('`')?.split('`').next()?;
    let message = match code {
        "UNAUTHORIZED" => "API key required or invalid API key",
        "INVALID_REQUEST" => "Invalid request body",
        "NOT_FOUND" => "Deployment not found",
        "API_DISABLED" => "Assistant v1 API is disabled",
        "INVALID_INPUT" => "There is no callback URL to send to",
        "INVALID_STATE" => "Deployment can only be redeployed when status is active, failed, or stopped",
        "PAYMENT_NOT_CONFIGURED" => "Payment system not configured",
        "INTERNAL_ERROR" => "Unexpected server error",
        "WORKER_DELETE_FAILED" => "Failed to delete deployed worker before stopping",
        "FORBIDDEN" => "This API key does not have the write scope",
        "RATE_LIMITED" => "Too many unpaid slots; pay or delete one, or wait",
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
    Some(json!({"error": error}))
}

fn add_examples(document: &mut Value) {
    let examples = examples();
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
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
