//! The record: its fields and their order, ids, times and nulls.

use serde_json::{Value, json};

use crate::client::ASSISTANTS;
use crate::client::Body;
use crate::support::{App, activation, bot_token, merged};

const FIELDS: [&str; 20] = [
    "id",
    "userId",
    "organizationId",
    "name",
    "modelProvider",
    "modelId",
    "channelType",
    "apiMode",
    "workerName",
    "workerUrl",
    "status",
    "statusMessage",
    "paymentStatus",
    "polarSubscriptionId",
    "currentPeriodEnd",
    "canceledAt",
    "isPrebuy",
    "userCallbackUrl",
    "createdAt",
    "updatedAt",
];

/// Whether a value has the form `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 24
            && text.bytes().zip("0000-00-00T00:00:00.000Z".bytes()).all(|(is, form)| match form {
                b'0' => is.is_ascii_digit(),
                _ => is == form,
            })
    })
}

/// Whether a value is a lower-case, hyphenated UUID of version 7.
fn is_id(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 36
            && text.char_indices().all(|(at, c)| match at {
                8 | 13 | 18 | 23 => c == '-',
                14 => c == '7',
                19 => matches!(c, '8' | '9' | 'a' | 'b'),
                _ => matches!(c, '0'..='9' | 'a'..='f'),
            })
    })
}

/// Returns the record's keys, in the order in which the raw text has them.
fn keys_in_order(text: &str) -> Vec<&'static str> {
    let mut found: Vec<(usize, &str)> =
        FIELDS.iter().filter_map(|key| Some((text.find(&format!("\"{key}\":"))?, *key))).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, key)| key).collect()
}

#[tokio::test]
async fn record_before_activation_has_defaults() {
    let app = App::start().await;
    let me = app.customer().await;
    for (mode, provider) in [("byok", Value::Null), ("managed", json!("openrouter"))] {
        let (id, checkout) = me.purchase(mode).await;
        let record = me.get(&format!("/{id}")).await;
        let expected = json!({
            "id": id, "userId": me.user.to_string(), "organizationId": null, "name": "Untitled assistant",
            "modelProvider": provider, "modelId": null, "channelType": "telegram", "apiMode": mode,
            "workerName": null, "workerUrl": null, "status": "pending_payment", "statusMessage": null,
            "paymentStatus": "pending", "polarSubscriptionId": null, "currentPeriodEnd": null,
            "canceledAt": null, "isPrebuy": true, "userCallbackUrl": null,
            "createdAt": record["createdAt"], "updatedAt": record["createdAt"],
        });
        assert_eq!(record, expected);
        assert!(is_id(&record["id"]) && is_id(&record["userId"]), "{record}");
        assert!(is_time(&record["createdAt"]), "{record}");

        assert_eq!(me.press(&checkout, "pay").await, 303);
        let paid = me.wait_for_status(&id, "purchased").await;
        let paid_fields = json!({
            "status": "purchased", "paymentStatus": "paid",
            "polarSubscriptionId": paid["polarSubscriptionId"], "currentPeriodEnd": paid["currentPeriodEnd"],
            "updatedAt": paid["updatedAt"],
        });
        assert_eq!(paid, merged(expected, paid_fields));
        assert!(paid["polarSubscriptionId"].is_string() && is_time(&paid["currentPeriodEnd"]), "{paid}");
        assert!(is_time(&paid["updatedAt"]) && paid["updatedAt"].as_str() > paid["createdAt"].as_str());
    }
}

#[tokio::test]
async fn records_have_all_fields_in_order() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let one = format!("{ASSISTANTS}/{id}");
    let body = Body::Json(activation(&bot_token("ok")));
    let mut answers = vec![me.call("POST", &format!("{one}/activate"), body).await];
    me.wait_for_status(&id, "active").await;
    answers.push(me.call("GET", &one, Body::None).await);
    answers.push(me.call("GET", ASSISTANTS, Body::None).await);
    answers.push(me.call("POST", &format!("{one}/stop"), Body::None).await);
    answers.push(me.call("PATCH", &one, Body::Json(json!({"name": "x"}))).await);
    answers.push(me.call("POST", &format!("{one}/redeploy"), Body::None).await);
    for answer in answers {
        let data = answer.data(200);
        let record = data.get(0).unwrap_or(&data);
        assert_eq!(keys_in_order(&answer.text), FIELDS);
        assert_eq!(record.as_object().unwrap().len(), FIELDS.len(), "{record}");
    }
}

#[tokio::test]
async fn times_survive_a_round_trip() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.in_status("stopped").await;
    let path = format!("/{id}");
    let written = me.ok("PATCH", &path, json!({"name": "Other"})).await;
    let read = me.get(&path).await;
    assert_eq!(read, written);
    assert_eq!(me.get("").await[0], written);
    for key in ["createdAt", "updatedAt", "currentPeriodEnd"] {
        assert!(is_time(&read[key]), "{read}");
    }
}

#[tokio::test]
async fn active_record_has_worker() {
    let app = App::start().await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    let body =
        merged(activation(&bot_token("ok")), json!({"callbackUrl": "https://callbacks.sandbox.test/x"}));
    let deploying = me.ok("POST", &format!("/{id}/activate"), body).await;
    let name = deploying["workerName"].as_str().unwrap().to_owned();
    let hex = name.strip_prefix("openclaw-").unwrap();
    assert!(hex.len() == 8 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{name}");
    let expected = json!({
        "status": "deploying", "workerUrl": null, "isPrebuy": false, "name": "My Assistant",
        "modelProvider": "anthropic", "modelId": "claude-sonnet-4-5-20250929", "statusMessage": null,
        "userCallbackUrl": "https://callbacks.sandbox.test/x", "paymentStatus": "paid",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&deploying[key], value, "{key}");
    }
    let active = me.wait_for_status(&id, "active").await;
    assert_eq!(active["workerUrl"], app.url(&format!("/workers/{name}")));
    assert_eq!((&active["workerName"], &active["isPrebuy"]), (&json!(name), &json!(false)));
    let stopped = me.ok("POST", &format!("/{id}/stop"), Value::Null).await;
    assert_eq!((&stopped["workerName"], &stopped["workerUrl"]), (&json!(name), &Value::Null));
    me.ok("POST", &format!("/{id}/redeploy"), Value::Null).await;
    assert_eq!(me.wait_for_status(&id, "active").await["workerName"], json!(name));
}
