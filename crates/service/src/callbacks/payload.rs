//! The bodies of callbacks.

use reef_domain::wire::{EventKind, Status};
use reef_domain::{Assistant, Timestamp};
use reef_store::EventRow;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Error;

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: EventKind,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: String,
    status: Status,
    status_message: Option<&'a str>,
    worker_url: Option<&'a str>,
    previous_status: Option<Status>,
    sequence: i64,
}

impl Payload<'_> {
    fn render(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// The exact body of an event's callback, which is stored and signed as it is.
pub(crate) fn render_event(event: &EventRow) -> Result<String, Error> {
    Payload {
        kind: event.kind,
        timestamp: event.created_at,
        data: Data {
            id: event.assistant_id.to_string(),
            status: event.status,
            status_message: event.status_message.as_deref(),
            worker_url: event.worker_url.as_deref(),
            previous_status: event.previous_status,
            sequence: event.sequence,
        },
    }
    .render()
}

/// The exact body of the callback of an event that is no change of the assistant's record. The id of the assistant and the
/// sequence of the event are added to `data`.
pub(crate) fn render_notice(event: &EventRow, mut data: Map<String, Value>) -> Result<String, Error> {
    data.insert("id".to_owned(), event.assistant_id.to_string().into());
    data.insert("sequence".to_owned(), event.sequence.into());
    let body = json!({"type": event.kind, "timestamp": event.created_at, "data": data});
    serde_json::to_string(&body).map_err(Error::internal)
}

/// The body of a test callback, with the assistant's current status.
pub(crate) fn render_test(assistant: &Assistant, now: Timestamp) -> Result<String, Error> {
    let status = assistant.state.status();
    Payload {
        kind: EventKind::Test,
        timestamp: now,
        data: Data {
            id: assistant.id.to_string(),
            status,
            status_message: assistant.status_message().as_deref(),
            worker_url: assistant.state.worker_url(),
            previous_status: Some(status),
            sequence: assistant.sequence,
        },
    }
    .render()
}
