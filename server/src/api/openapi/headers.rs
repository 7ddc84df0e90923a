//! What the layers around the handlers add to every response: headers, and the errors of `Idempotency-Key`.

use serde_json::{Map, Value, json};

/// Completes the responses of every operation.
pub(super) fn complete_responses(document: &mut Value) {
    document["components"]["headers"] = components();
    for (method, operation) in super::operations(document) {
        let is_read = method == "get";
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        if !is_read {
            add_idempotency(responses);
        }
        for (status, response) in responses {
            let names = header_names(is_read, status);
            let headers = &mut response["headers"];
            for (header, component) in names {
                headers[header] = json!({"$ref": format!("#/components/headers/{component}")});
            }
        }
    }
}

/// Adds the errors of `Idempotency-Key` to an operation that changes something.
fn add_idempotency(responses: &mut Map<String, Value>) {
    let busy = "`REQUEST_IN_PROGRESS`: the first request with this `Idempotency-Key` is still running.";
    let reused =
        "`IDEMPOTENCY_KEY_REUSED`: this `Idempotency-Key` was used with a different method, path or body.";
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

/// The headers of a response, each with the component that describes it.
fn header_names(is_read: bool, status: &str) -> Vec<(&'static str, &'static str)> {
    let mut names = vec![("X-Request-Id", "RequestId"), ("Cache-Control", "CacheControl")];
    // A request without a valid key has no quota.
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
        "RequestId": header("Identifies this request in Reef's log. A valid ID in the request is used.", true, json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"})),
        "CacheControl": header("Whether caches may store the response.", true, json!({"type": "string", "enum": ["no-store", "private, no-cache", "no-cache"]})),
        "RateLimitPolicy": header("The quota of this API key (draft-ietf-httpapi-ratelimit-headers).", false, json!({"type": "string"})),
        "RateLimit": header("How much of the quota is left, and in how many seconds it resets.", false, json!({"type": "string"})),
        "RetryAfter": header("Seconds to wait before the next attempt.", true, json!({"type": "integer", "minimum": 0})),
        "ETag": header("Identifies this version of the response. Streams have none.", false, json!({"type": "string", "pattern": "^\"[0-9a-f]{32}\"$"})),
        "IdempotencyReplayed": header("Present if the response was saved from an earlier request with the same `Idempotency-Key`.", false, json!({"type": "string", "enum": ["true"]})),
    })
}
