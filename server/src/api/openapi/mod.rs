//! The OpenAPI 3.1 document, generated from the handlers' own types and completed with patterns, headers and examples.

mod examples;
mod fields;
mod headers;
mod settings_examples;

use axum::Json;
use axum::response::IntoResponse;
use reef_domain::usage::UsageGrouping;
use serde_json::Value;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::schema::ErrorResponse;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Reef",
        version = "1.0.0",
        description = "Hosted Telegram assistants: buy a slot, activate it with a name, a model and a Telegram bot, and the assistant replies in the bot's chats.\n\nAll success responses use `{ data: ... }` and errors use `{ error: { code, message, details? } }`.\n\nWith the header `Idempotency-Key` (1 to 255 visible ASCII characters) a POST, PATCH or DELETE request runs once: for 24 hours, a request with the same key, method, path and body returns the first response with `Idempotency-Replayed: true`.\n\nEvery 200 response to a GET request carries an `ETag`; a request with that value in `If-None-Match` returns 304 while nothing has changed. Paths that are not listed here return 404 `NOT_FOUND`; methods that are not listed return 405 `METHOD_NOT_ALLOWED` with `Allow`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "Assistants", description = "Purchase, activate, inspect, update, stop and delete assistants."),
        (name = "Settings", description = "Read, change and restore how an assistant behaves, without a deployment."),
        (name = "People", description = "See who has written to an assistant, and decide who may talk to it."),
        (name = "Messages", description = "Talk to an assistant without Telegram."),
        (name = "Usage", description = "See what an assistant has used, and what that has cost."),
        (name = "Callbacks", description = "Inspect and resend the callbacks to your server."),
        (name = "Account", description = "The API key in use, and the models you can choose.")
    ),
    components(schemas(ErrorResponse, UsageGrouping)),
    servers((url = "/", description = "The server that returned this document.")),
    security(("apiKey" = [])),
    modifiers(&KeyScheme)
)]
struct Base;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut Document) {
        let key =
            ApiKeyValue::with_description("X-API-Key", "Your API key, from the dashboard's page API keys.");
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("apiKey", SecurityScheme::ApiKey(ApiKey::Header(key)));
    }
}

/// The document without operations, which the routes add.
pub(super) fn base() -> Document {
    Base::openapi()
}

/// Returns the OpenAPI document with all operations, headers and examples.
///
/// # Panics
/// Never: every type in the document can be serialized.
#[must_use]
pub fn document() -> Value {
    let (_, document) = super::v1().split_for_parts();
    let mut value = serde_json::to_value(document).expect("the OpenAPI document can be serialized");
    fields::complete_schemas(&mut value);
    headers::complete_responses(&mut value);
    examples::add_examples(&mut value);
    value
}

/// Iterates over all operations, each with its method.
fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    paths.filter_map(Value::as_object_mut).flatten()
}

/// `GET /api/openapi`, which is public and available even if the API is disabled.
pub(super) async fn serve() -> impl IntoResponse {
    Json(document())
}
