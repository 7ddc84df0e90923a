//! The OpenAPI 3.1 document, generated from the handlers' own types, with an example of everything.

mod examples;
mod fields;
mod headers;

use axum::Json;
use axum::response::IntoResponse;
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
        description = "Hosted assistants: buy a slot, activate it with a name, a model and a Telegram bot, and it answers.\n\nAll success responses use `{ data: ... }` and errors use `{ error: { code, message, details? } }`.\n\nWith the header `Idempotency-Key` (1 to 255 visible ASCII characters) a POST, PATCH or DELETE is carried out once: within 24 hours the same key, method, path and body get the first answer again, with `Idempotency-Replayed: true`.\n\nEvery 200 to a GET carries an `ETag`; `If-None-Match` with it gets 304 while nothing has changed. A path or method that is not listed here is answered with 404 `NOT_FOUND` or 405 `METHOD_NOT_ALLOWED` and `Allow`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "Assistants", description = "The life of an assistant, from purchase to deletion."),
        (name = "Callbacks", description = "What was told to your server, and telling it again."),
        (name = "Account", description = "The key itself, and what can be activated.")
    ),
    components(schemas(ErrorResponse)),
    servers((url = "/", description = "Where this document is served.")),
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
    fields::complete(&mut value);
    headers::complete(&mut value);
    examples::add(&mut value);
    value
}

/// Every operation with its method.
fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    paths.filter_map(Value::as_object_mut).flatten()
}

/// `GET /api/openapi`: public, and up when the API is turned off.
pub(super) async fn serve() -> impl IntoResponse {
    Json(document())
}
