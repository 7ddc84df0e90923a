//! Pausing and resuming subscriptions. Nothing is charged during a pause, and resuming starts a new period.

use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    cards, documents, error,
    events::EventBatch,
    objects::{self, Kind, Object, id_of, update_fields},
    payments::{record_payment, set_past_due},
};
use crate::{
    clock::{month_after, now_ms, rfc3339},
    web::{ErrorResponse, HandlerResult},
};

fn can_pause(subscription: &Object) -> bool {
    subscription.text("status") == "active" && subscription.doc["cancel_at_period_end"] != true
}

fn cannot_pause() -> ErrorResponse {
    error(409, "CannotPauseSubscription", "This subscription cannot be paused.")
}

/// Schedules a pause for the end of the period. The subscription stays active until then.
pub(super) fn schedule(subscription: &mut Object, batch: &mut EventBatch) -> HandlerResult<()> {
    if !can_pause(subscription) || subscription.doc["pause_at_period_end"] == true {
        return Err(cannot_pause());
    }
    update_fields(&mut subscription.doc, json!({"pause_at_period_end": true}));
    batch.push("subscription.updated", &subscription.doc);
    Ok(())
}

pub(super) fn unschedule(subscription: &mut Object, batch: &mut EventBatch) -> HandlerResult<()> {
    if subscription.doc["pause_at_period_end"] != true {
        return Err(error(409, "NoScheduledPause", "This subscription is not scheduled to be paused."));
    }
    update_fields(&mut subscription.doc, json!({"pause_at_period_end": false, "resumes_at": null}));
    batch.push("subscription.updated", &subscription.doc);
    Ok(())
}

pub(super) fn pause(subscription: &mut Object, batch: &mut EventBatch) -> HandlerResult<()> {
    if !can_pause(subscription) {
        return Err(cannot_pause());
    }
    update_fields(
        &mut subscription.doc,
        json!({"status": "paused", "paused_at": rfc3339(now_ms()), "pause_at_period_end": false}),
    );
    batch.push("subscription.updated", &subscription.doc);
    batch.push("subscription.paused", &subscription.doc);
    Ok(())
}

/// Resumes a subscription with a new period, which is charged now.
pub(super) async fn resume(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    batch: &mut EventBatch,
) -> HandlerResult<()> {
    if subscription.text("status") != "paused" {
        return Err(error(409, "NotPausedSubscription", "This subscription is not paused."));
    }
    let now = now_ms();
    update_fields(
        &mut subscription.doc,
        json!({"status": "active", "paused_at": null, "resumes_at": null, "current_period_start": rfc3339(now),
            "current_period_end": rfc3339(month_after(now))}),
    );
    let doc = documents::order(&subscription.doc, None, now);
    let mut order = Object { id: id_of(&doc), webhook_url: subscription.webhook_url.clone(), doc };
    batch.push("subscription.updated", &subscription.doc);
    batch.push("subscription.resumed", &subscription.doc);
    batch.push("order.created", &order.doc);
    if cards::is_declined(conn, &subscription.doc).await? {
        set_past_due(subscription, batch);
    } else {
        record_payment(&mut order, batch);
    }
    objects::insert(conn, Kind::Order, &order).await?;
    Ok(())
}
