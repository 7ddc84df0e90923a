//! What the layers around the handlers add to every answer: headers, and the answers to `Idempotency-Key`.

use serde_json::{Map, Value, json};

/// Completes the answers of every operation.
pub(super) fn complete(document: &mut Value) {
    document["components"]["headers"] = components();
    for (method, operation) in super::operations(document) {
        let is_read = method == "get";
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        if !is_read {
            add_idempotency(responses);
        }
        for (status, response) in responses {
            let names = names(is_read, status);
            let headers = &mut response["headers"];
            for (header, component) in names {
                headers[header] = json!({"$ref": format!("#/components/headers/{component}")});
            }
        }
    }
}

/// What a key for repeating can be answered with, on everything that changes something.
fn add_idempotency(responses: &mut Map<String, Value>) {
    let busy = "`REQUEST_IN_PROGRESS`: the first request with this `Idempotency-Key` is still running.";
    let reused =
        "`IDEMPOTENCY_KEY_REUSED`: this `Idempotency-Key` was used with another method, path or body.";
    let body = json!({"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}});
    for (status, description) in [("409", busy), ("422", reused)] {
        match responses.get_mut(status) {
            Some(response) => {
                let text = response["description"].as_str().unwrap_or_default();
                response["description"] = json!(format!("{text} {description}"));
            }
            None => {
                responses.insert(status.to_owned(), json!({"description": description, "content": body}));
            }
        }
    }
    responses.sort_keys();
}

/// Headers of an answer, with the component that describes each.
fn names(is_read: bool, status: &str) -> Vec<(&'static str, &'static str)> {
    let mut names = vec![("X-Request-Id", "RequestId"), ("Cache-Control", "CacheControl")];
    // Who has no key has no quota either; API_DISABLED comes before the key is looked at.
    if status != "401" {
        names.extend([("RateLimit-Policy", "RateLimitPolicy"), ("RateLimit", "RateLimit")]);
    }
    match status {
        "200" | "304" if is_read => names.push(("ETag", "ETag")),
        "429" => names.push(("Retry-After", "RetryAfter")),
        _ => {}
    }
    if !is_read && matches!(status, "200" | "201" | "400" | "404" | "409") {
        names.push(("Idempotency-Replayed", "IdempotencyReplayed"));
    }
    names
}

fn components() -> Value {
    let header = |description: &str, required: bool, schema: Value| json!({"description": description, "required": required, "schema": schema});
    json!({
        "RequestId": header("Names this request in the server's log; a given one is kept.", true, json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"})),
        "CacheControl": header("Who may keep the answer.", true, json!({"type": "string", "enum": ["no-store", "private, no-cache", "no-cache"]})),
        "RateLimitPolicy": header("The quota of this key (draft-ietf-httpapi-ratelimit-headers).", false, json!({"type": "string"})),
        "RateLimit": header("What is left of it, and for how many seconds.", false, json!({"type": "string"})),
        "RetryAfter": header("Seconds until another try makes sense.", true, json!({"type": "integer", "minimum": 0})),
        "ETag": header("Names these very bytes; not on a stream.", false, json!({"type": "string", "pattern": "^\"[0-9a-f]{32}\"$"})),
        "IdempotencyReplayed": header("The answer is that of an earlier request with the same `Idempotency-Key`.", false, json!({"type": "string", "enum": ["true"]})),
    })
}
