//! The payments of a subscription: renewals that succeed or fail, and refunds.

use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    documents, error,
    events::EventBatch,
    objects::{self, Kind, Object, id_of, update_fields},
};
use crate::{
    clock::{month_after, now_ms, parse_rfc3339, rfc3339},
    web::HandlerResult,
};

/// Renews a subscription and records the payment. If it is past due, only the payment is missing.
pub(super) async fn renew(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    batch: &mut EventBatch,
) -> HandlerResult<()> {
    // A past due subscription is in its new period already; only the payment is missing.
    if subscription.text("status") == "past_due" {
        if let Some(mut order) = objects::find_last_order(conn, &subscription.id, "pending").await? {
            record_payment(&mut order, batch);
            objects::update(conn, &order).await?;
        }
        update_fields(&mut subscription.doc, json!({"status": "active", "past_due_at": null}));
        batch.push("subscription.updated", &subscription.doc);
        batch.push("subscription.active", &subscription.doc);
        return Ok(());
    }
    let mut order = start_next_period(subscription, batch);
    record_payment(&mut order, batch);
    objects::insert(conn, Kind::Order, &order).await?;
    Ok(())
}

/// Renews a subscription whose payment fails.
pub(super) async fn fail_renewal(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    batch: &mut EventBatch,
) -> HandlerResult<()> {
    if subscription.text("status") != "past_due" {
        let order = start_next_period(subscription, batch);
        objects::insert(conn, Kind::Order, &order).await?;
    }
    set_past_due(subscription, batch);
    Ok(())
}

/// Records that the payment of a subscription has failed.
pub(super) fn set_past_due(subscription: &mut Object, batch: &mut EventBatch) {
    if subscription.text("status") != "past_due" {
        update_fields(&mut subscription.doc, json!({"status": "past_due", "past_due_at": rfc3339(now_ms())}));
    }
    batch.push("subscription.updated", &subscription.doc);
    batch.push("subscription.past_due", &subscription.doc);
}

/// Starts the next period and returns its unpaid order.
fn start_next_period(subscription: &mut Object, batch: &mut EventBatch) -> Object {
    let now = now_ms();
    let start = parse_rfc3339(subscription.text("current_period_end")).unwrap_or(now);
    update_fields(
        &mut subscription.doc,
        json!({"current_period_start": rfc3339(start), "current_period_end": rfc3339(month_after(start))}),
    );
    let doc = documents::order(&subscription.doc, None, now);
    batch.push("subscription.cycled", &subscription.doc);
    batch.push("subscription.updated", &subscription.doc);
    batch.push("order.created", &doc);
    Object { id: id_of(&doc), webhook_url: subscription.webhook_url.clone(), doc }
}

/// Records the payment of an order.
pub(super) fn record_payment(order: &mut Object, batch: &mut EventBatch) {
    update_fields(&mut order.doc, json!({"status": "paid", "paid": true, "due_amount": 0}));
    batch.push("order.updated", &order.doc);
    batch.push("order.paid", &order.doc);
}

/// Refunds the last paid order in full.
pub(super) async fn refund(
    conn: &mut SqliteConnection,
    subscription: &Object,
    batch: &mut EventBatch,
) -> HandlerResult<()> {
    let Some(mut order) = objects::find_last_order(conn, &subscription.id, "paid").await? else {
        return Err(error(403, "RefundedAlready", "Order is already fully refunded."));
    };
    batch.push("refund.created", &documents::refund(&order.doc, now_ms()));
    let amount = order.doc["total_amount"].clone();
    update_fields(
        &mut order.doc,
        json!({"status": "refunded", "refunded_amount": amount, "refundable_amount": 0}),
    );
    batch.push("order.updated", &order.doc);
    batch.push("order.refunded", &order.doc);
    objects::update(conn, &order).await?;
    Ok(())
}
