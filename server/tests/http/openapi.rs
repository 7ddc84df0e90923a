//! The OpenAPI document agrees with the server's behavior.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{ApiResponse, Body};
use crate::endpoints::ENDPOINTS;
use crate::support::{App, activation, bot_token, issues, merged, pairs};

async fn document() -> Value {
    let app = App::start().await;
    let request = app.anonymous().request("GET", "/api/openapi");
    ApiResponse::send(request).await.json()
}

/// Returns method, path and content of every operation in the document.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().unwrap().clone();
        item.into_iter().map(|(method, op)| (method.to_uppercase(), path.clone(), op)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn document_lists_every_endpoint() {
    let document = document().await;
    let listed: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let walked: BTreeSet<(String, String)> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned())).collect();
    assert_eq!(listed, walked);
}

#[tokio::test]
async fn document_matches_snapshot() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    insta::assert_json_snapshot!("openapi_document", document);
}

#[test]
fn command_line_prints_the_document() {
    let printed = crate::process::reef_command(&["openapi"], &[]).output().unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), reef_server::api::document());
    assert!(printed.status.success() && printed.stderr.is_empty());
}

#[tokio::test]
async fn server_serves_the_document() {
    assert_eq!(document().await, reef_server::api::document());
}

#[test]
fn document_has_every_error_of_reference() {
    let document = reef_server::api::document();
    // The errors of the v1 reference, and the codes that Reef adds.
    let of = |path: &str, method: &str| -> Vec<(&str, &str)> {
        let all = [
            ("401", "UNAUTHORIZED"),
            ("404", "API_DISABLED"),
            ("429", "RATE_LIMITED"),
            ("500", "INTERNAL_ERROR"),
        ];
        let own: &[(&str, &str)] = match (method, path.rsplit('/').next()) {
            (_, Some("purchase")) => &[("400", "INVALID_REQUEST"), ("500", "PAYMENT_NOT_CONFIGURED")],
            ("PATCH", Some("settings")) => &[("400", "INVALID_REQUEST")],
            ("DELETE", Some("{personId}" | "{factId}")) => &[],
            (_, Some("activate")) | ("PATCH", _) => {
                &[("400", "INVALID_REQUEST"), ("400", "INVALID_INPUT"), ("409", "INVALID_STATE")]
            }
            (_, Some("redeploy")) => &[("400", "INVALID_REQUEST"), ("409", "INVALID_STATE")],
            (_, Some("messages")) => {
                &[("400", "INVALID_REQUEST"), ("409", "INVALID_STATE"), ("502", "MODEL_FAILED")]
            }
            (_, Some("stop")) => &[("502", "WORKER_DELETE_FAILED"), ("409", "INVALID_STATE")],
            ("DELETE", _) => &[("502", "WORKER_DELETE_FAILED")],
            _ => &[],
        };
        let one = path.contains("{deploymentId}").then_some(("404", "NOT_FOUND"));
        // `/me` requires no scope.
        let scope = (path != "/api/v1/me").then_some(("403", "FORBIDDEN"));
        let change =
            [("413", "INVALID_REQUEST"), ("409", "REQUEST_IN_PROGRESS"), ("422", "IDEMPOTENCY_KEY_REUSED")];
        let change = change.into_iter().filter(|_| method != "GET");
        all.iter().chain(own).copied().chain(one).chain(scope).chain(change).collect()
    };
    for (method, path, operation) in operations(&document) {
        for (status, code) in of(&path, &method) {
            let description = operation["responses"][status]["description"].as_str().unwrap_or_default();
            assert!(description.contains(&format!("`{code}`")), "{method} {path}: {status} {code}");
        }
    }
}

#[test]
fn enum_values_match_wire() {
    use reef_domain::ErrorCode;
    use reef_domain::wire::{ApiMode, ChannelType, DeliveryState, PaymentStatus, Provider, Scope, Status};
    let document = reef_server::api::document();
    macro_rules! same {
        ($($name:ident),+) => {$(
            let listed = &document["components"]["schemas"][stringify!($name)]["enum"];
            assert_eq!(*listed, json!($name::ALL), stringify!($name));
        )+};
    }
    same!(ApiMode, ChannelType, DeliveryState, ErrorCode, PaymentStatus, Provider, Scope, Status);
}

#[test]
fn objects_are_closed_and_responses_have_headers() {
    let document = reef_server::api::document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["type"] != "object" || schema["additionalProperties"] == false, "{name}");
    }
    for (method, path, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            for header in ["X-Request-Id", "Cache-Control"] {
                assert!(answer["headers"][header].is_object(), "{method} {path} {status}: {header}");
            }
        }
    }
}

#[test]
fn every_operation_has_examples() {
    let document = reef_server::api::document();
    let example = |content: &Value| content["content"]["application/json"]["example"].clone();
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        // A 304 response has no body and therefore no example.
        for (status, response) in responses.iter().filter(|(status, _)| *status != "304") {
            let shown = example(response);
            let key = if status.starts_with('2') { "data" } else { "error" };
            assert_eq!(
                shown.as_object().unwrap().keys().collect::<Vec<_>>(),
                [key],
                "{method} {path} {status}"
            );
            if key == "error" {
                let code = shown["error"]["code"].as_str().unwrap();
                assert!(response["description"].as_str().unwrap().contains(&format!("`{code}`")));
            }
        }
        if let Some(body) = operation.get("requestBody") {
            assert!(example(body).is_object(), "{method} {path}");
        }
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(operation["operationId"].is_string());
    }
}

/// Returns the properties of an operation's request body in the document, and which of them are required.
fn request_schema(document: &Value, operation_id: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let found = operations(document).into_iter().find(|(_, _, op)| op["operationId"] == operation_id);
    let schema = found.unwrap().2["requestBody"]["content"]["application/json"]["schema"].clone();
    // An optional body is described as either null or the object.
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["oneOf"].as_array()?.iter().find_map(|option| option["$ref"].as_str()));
    let name = reference.unwrap().rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    assert_eq!(schema["additionalProperties"], json!(false), "{name}");
    let properties = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    (properties, required.iter().map(|key| key.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn request_schemas_match_validation() {
    let app = App::start().await;
    let me = app.customer().await;
    let (purchased, stopped) = (me.in_status("purchased").await, me.in_status("stopped").await);
    let document = reef_server::api::document();
    let cases = [
        ("purchaseAssistant", "POST", "/purchase".to_owned()),
        ("activateAssistant", "POST", format!("/{purchased}/activate")),
        ("updateAssistant", "PATCH", format!("/{stopped}")),
        ("redeployAssistant", "POST", format!("/{stopped}/redeploy")),
    ];
    let known: BTreeSet<&str> =
        ["apiMode", "name", "modelProvider", "modelId", "telegramBotToken", "modelApiKey", "callbackUrl"]
            .into();
    for (operation, method, path) in cases {
        let (properties, required) = request_schema(&document, operation);
        // Every key gets a value of the wrong type, so known and unknown keys lead to different issues.
        let body: Value = known.iter().map(|key| ((*key).to_owned(), json!(1))).collect();
        let found = issues(&me.fails(400, "INVALID_REQUEST", method, &path, body).await);
        let taken: BTreeSet<String> =
            found.iter().filter(|(_, code)| code == "invalid_type").map(|(path, _)| path.clone()).collect();
        assert_eq!(taken, properties, "{operation}");
        if !required.is_empty() {
            let error = me.fails(400, "INVALID_REQUEST", method, &path, json!({})).await;
            let missed: BTreeSet<String> = issues(&error).into_iter().map(|(path, _)| path).collect();
            assert_eq!(missed, required, "{operation}");
        }
    }
}

#[tokio::test]
async fn request_examples_succeed() {
    let app = App::start().await;
    let me = app.customer().await;
    let document = reef_server::api::document();
    for (method, path, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else { continue };
        let example = body["content"]["application/json"]["example"].clone();
        let id = match operation["operationId"].as_str().unwrap() {
            "purchaseAssistant" => String::new(),
            "activateAssistant" => me.in_status("purchased").await,
            "sendMessage" => me.active().await,
            _ => me.in_status("stopped").await,
        };
        let path = path.replace("{deploymentId}", &id);
        let answer = me.call(&method, &path, Body::Json(example)).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
    }
    // The documented limits are the enforced ones.
    let (purchased, schema) =
        (me.in_status("purchased").await, &document["components"]["schemas"]["ActivateRequest"]);
    // The limit of a name applies after trimming, so the pattern expresses it.
    assert!(schema["properties"]["name"]["pattern"].as_str().unwrap().contains("{0,98}"));
    for key in ["name", "modelId", "telegramBotToken"] {
        let named = schema["properties"][key]["maxLength"].as_u64().unwrap_or(100);
        let longest = usize::try_from(named).unwrap();
        let body = merged(activation(&bot_token("ok")), json!({key: "x".repeat(longest + 1)}));
        let error = me.fails(400, "INVALID_REQUEST", "POST", &format!("/{purchased}/activate"), body).await;
        assert_eq!(issues(&error), pairs(&[(key, "too_long")]));
    }
}
