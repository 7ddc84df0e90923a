//! The bodies of callbacks.

use reef_domain::{Assistant, Timestamp};
use reef_store::EventRow;
use serde_json::json;

/// The exact body of an event's callback, which is stored and signed as it is.
pub(crate) fn render_event(event: &EventRow) -> String {
    json!({
        "type": event.kind.as_str(),
        "timestamp": event.created_at,
        "data": {
            "id": event.assistant_id.to_string(),
            "status": event.status,
            "statusMessage": event.status_message,
            "workerUrl": event.worker_url,
            "previousStatus": event.previous_status,
            "sequence": event.sequence,
        },
    })
    .to_string()
}

/// The body of a test callback, with the assistant's current status.
pub(crate) fn render_test(a: &Assistant, now: Timestamp) -> String {
    json!({
        "type": "assistant.test",
        "timestamp": now,
        "data": {
            "id": a.id.to_string(),
            "status": a.state.status(),
            "statusMessage": a.status_message(),
            "workerUrl": a.state.worker_url(),
            "previousStatus": a.state.status(),
            "sequence": a.sequence,
        },
    })
    .to_string()
}
