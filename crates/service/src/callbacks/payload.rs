//! The bodies of callbacks.

use reef_domain::health::{HealthLegs, HealthRecord, Verdict};
use reef_domain::wire::{EventKind, Status};
use reef_domain::{Assistant, Timestamp};
use reef_store::EventRow;
use serde::Serialize;

use crate::error::Error;

#[derive(Serialize)]
struct Payload<D> {
    #[serde(rename = "type")]
    kind: EventKind,
    timestamp: Timestamp,
    data: D,
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthData<'a> {
    id: String,
    verdict: Verdict,
    legs: &'a HealthLegs,
    sequence: i64,
}

impl<D: Serialize> Payload<D> {
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

/// The exact body of the callback about a change of an assistant's health.
pub(crate) fn render_health_change(event: &EventRow, health: &HealthRecord) -> Result<String, Error> {
    Payload {
        kind: event.kind,
        timestamp: event.created_at,
        data: HealthData {
            id: event.assistant_id.to_string(),
            verdict: health.verdict,
            legs: &health.legs,
            sequence: event.sequence,
        },
    }
    .render()
}

/// What the callback about an allowance says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AllowanceNotice<'a> {
    /// `day` or `month`.
    pub period: &'static str,
    /// The limit, as in the settings.
    pub limit_usd: &'a str,
    /// What was spent in the period, with six decimals.
    pub spent_usd: String,
    /// The share of the limit that was reached.
    pub share: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllowanceData<'a> {
    id: String,
    #[serde(flatten)]
    notice: AllowanceNotice<'a>,
    sequence: i64,
}

/// The exact body of the callback about an allowance.
pub(crate) fn render_allowance_notice(
    event: &EventRow,
    notice: AllowanceNotice<'_>,
) -> Result<String, Error> {
    let (id, sequence) = (event.assistant_id.to_string(), event.sequence);
    let data = AllowanceData { id, notice, sequence };
    Payload { kind: event.kind, timestamp: event.created_at, data }.render()
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
