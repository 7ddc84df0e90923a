//! Helpers that the tests of several areas share.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::wire::Status;
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::EventRow;
use serde_json::{Value, json};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
/// After this time, the check of a removal that was started has run.
pub const CHECKED: Duration = Duration::from_secs(16);
/// The smallest step of Reef's clock.
pub const TICK: Duration = Duration::from_millis(1);

/// The notes of an assistant's events with the statuses after them, oldest first.
pub fn notes(events: &[EventRow]) -> Vec<(Status, &str)> {
    events.iter().filter_map(|event| Some((event.status, event.note.as_deref()?))).collect()
}

/// The statuses an assistant has had. Asserts that the sequence has no gap.
#[track_caller]
pub fn walk(events: &[EventRow]) -> Vec<Status> {
    let sequences: Vec<_> = events.iter().map(|event| event.sequence).collect();
    let expected: Vec<_> = (1..).take(events.len()).collect();
    assert_eq!(sequences, expected, "the sequence has a gap");
    for pair in events.windows(2) {
        assert_eq!(pair[1].previous_status, Some(pair[0].status), "an event does not follow from the last");
    }
    events.iter().map(|event| event.status).collect()
}

/// How many times an assistant has become active.
pub async fn times_active(t: &TestServices, id: AssistantId) -> usize {
    walk(&t.events(id).await).into_iter().filter(|status| *status == Status::Active).count()
}

/// Redeploys an assistant, without running the jobs.
pub async fn redeploy(t: &TestServices, caller: &Caller, id: AssistantId) -> Result<(), Error> {
    t.services.redeploy(caller, &id.to_string(), Ok(Default::default())).await.map(drop)
}

pub async fn stop(t: &TestServices, caller: &Caller, id: AssistantId) -> Result<(), Error> {
    t.services.stop(caller, &id.to_string(), Ok(())).await.map(drop)
}

pub async fn delete(t: &TestServices, caller: &Caller, id: AssistantId) -> Result<(), Error> {
    t.services.delete(caller, &id.to_string(), Ok(())).await
}

/// An assistant's subscription in Polar's form: active, with `change` applied.
pub fn subscription_doc(t: &TestServices, id: AssistantId, change: &Value) -> Value {
    let mut doc = json!({"id": TestServices::subscription_id(id), "status": "active", "canceled_at": null,
        "ended_at": null, "current_period_end": "2026-03-13T12:03:21.456Z", "created_at": "2026-02-13T12:03:21.456Z",
        "modified_at": t.services.now(), "metadata": {"assistant_id": id.to_string()}});
    for (key, value) in change.as_object().expect("an object") {
        doc[key] = value.clone();
    }
    doc
}

/// The status message of an assistant.
pub async fn message(t: &TestServices, caller: &Caller, id: AssistantId) -> String {
    t.record(caller, id).await.status_message.unwrap_or_default()
}

/// Runs SQL about an assistant, past every layer.
pub async fn raw(t: &TestServices, sql: &'static str, id: AssistantId) {
    let changed = match t.db.store.database() {
        reef_store::Database::Sqlite { write, .. } => {
            sqlx::query(sql).bind(id).execute(write).await.expect("raw SQL should succeed").rows_affected()
        }
        reef_store::Database::Postgres(pool) => {
            sqlx::query(sql).bind(id).execute(pool).await.expect("raw SQL should succeed").rows_affected()
        }
    };
    assert_eq!(changed, 1);
}
