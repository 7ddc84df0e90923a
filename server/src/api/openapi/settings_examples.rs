//! Examples of the endpoints for settings, people, health, usage and messages.

use serde_json::{Value, json};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// The operation, the body of its request, if it has one, and the data of its response.
pub(super) type Example = (&'static str, Option<Value>, Value);

/// An assistant whose key was revoked at the provider.
fn health() -> Value {
    let ok = |message: &str| {
        json!({
            "verdict": "ok", "code": "ok", "message": message, "since": "2026-02-13T12:03:21.456Z",
            "checkedAt": "2026-02-13T14:10:00.000Z"
        })
    };
    json!({
        "verdict": "failing", "checkedAt": "2026-02-13T14:10:07.000Z",
        "legs": {
            "worker": ok("The assistant is running."),
            "telegram": ok("Messages arrive from Telegram."),
            "model": {
                "verdict": "failing", "code": "key_rejected",
                "message": "The model provider rejects your API key. Enter a working key in the settings.",
                "since": "2026-02-13T14:10:07.000Z", "checkedAt": "2026-02-13T14:10:07.000Z"
            }
        }
    })
}

pub(super) fn examples() -> Vec<Example> {
    let settings = |instructions: &str, revision: i64| {
        json!({
            "instructions": instructions, "greeting": null, "language": null, "timeZone": "Europe/Berlin",
            "access": {"mode": "approved", "groups": "mention"},
            "tools": {"webSearch": true, "readPages": true, "reminders": true, "memory": true},
            "mcpServers": [{"name": "wiki", "url": "https://mcp.example.com/", "headerNames": ["Authorization"], "enabled": true}],
            "allowance": {"perDayUsd": "2.50", "perMonthUsd": null},
            "revision": revision, "updatedAt": "2026-02-13T12:05:00.000Z"
        })
    };
    let revision = json!({
        "revision": 2, "createdAt": "2026-02-13T12:05:00.000Z",
        "author": {"type": "key", "id": ID, "name": "ci"},
        "changes": [{"path": "instructions", "from": null, "to": "Answer briefly."}]
    });
    let person = |role: &str| {
        json!({
            "id": ID, "telegramUserId": 123_456_789, "name": "Grace Hopper", "username": "grace", "role": role,
            "firstSeenAt": "2026-02-13T12:04:00.000Z", "lastSeenAt": "2026-02-13T12:06:00.000Z"
        })
    };
    let link = json!({
        "url": "https://t.me/my_assistant_bot?start=owner_0123456789abcdef0123456789abcdef",
        "expiresAt": "2026-02-14T12:05:00.000Z"
    });
    let fact = json!({"id": ID, "conversationId": ID, "text": "Grace is a vegetarian.", "createdAt": "2026-02-13T12:06:00.000Z"});
    let used = |cost: &str| json!({"turns": 3, "inputTokens": 2_150, "outputTokens": 310, "costUsd": cost});
    let mut today = used("0.011100");
    today["key"] = json!("2026-02-13");
    let usage = json!({
        "totals": used("0.011100"), "items": [today],
        "allowance": {"perDayUsd": "2.50", "perMonthUsd": null, "spentTodayUsd": "0.011100", "spentThisMonthUsd": "0.011100"},
        "forecastMonthUsd": "0.024461"
    });
    let message = json!({
        "conversationId": ID, "messageId": ID, "text": "Reef runs **hosted assistants**.",
        "usage": {"inputTokens": 640, "outputTokens": 12, "costUsd": "0.002100"}, "tools": []
    });
    let change = json!({"instructions": "Answer briefly.", "timeZone": "Europe/Berlin"});
    vec![
        ("getSettings", None, settings("Answer briefly.", 2)),
        ("updateSettings", Some(change), settings("Answer briefly.", 2)),
        ("listSettingsRevisions", None, json!([revision])),
        ("restoreSettings", None, settings("Answer briefly.", 3)),
        ("listPeople", None, json!([person("requested")])),
        ("approvePerson", None, person("approved")),
        ("blockPerson", None, person("blocked")),
        ("deletePerson", None, json!({"success": true})),
        ("createOwnerLink", None, link),
        ("sendMessage", Some(json!({"text": "What is Reef?"})), message),
        ("getUsage", None, usage),
        ("listFacts", None, json!([fact])),
        ("deleteFact", None, json!({"success": true})),
        ("getHealth", None, health()),
    ]
}
