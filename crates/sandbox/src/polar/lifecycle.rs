//! The life of a subscription: each action changes it and enqueues the events in Polar's order.

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    cards, error,
    events::Stage,
    objects::{self, Kind, Object},
    pauses, shapes,
};
use crate::{
    clock::{month_after, now_ms, parse_rfc3339, rfc3339},
    web::Answer,
};

/// An action on a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The payment of a renewal fails.
    PastDue,
    /// The payment of a renewal fails in an organization without a grace period, so benefits are revoked during the retries.
    Lapse,
    /// The subscription ends now.
    Revoke,
    /// The period ends: the subscription renews, ends if it is canceled, or is paused if a pause is scheduled. If it is past
    /// due, the payment succeeds. With a declined card the payment fails.
    Renew,
    /// The last paid order is refunded in full.
    Refund,
    /// The subscription will end with its period.
    Cancel,
    /// The cancellation is undone.
    Uncancel,
    /// The subscription is paused now.
    Pause,
    /// The subscription will be paused at the end of its period.
    SchedulePause,
    /// The scheduled pause is undone.
    UnschedulePause,
    /// The subscription resumes with a new period.
    Resume,
}

impl Happening {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "past_due" => Self::PastDue,
            "lapse" => Self::Lapse,
            "revoke" => Self::Revoke,
            "renew" => Self::Renew,
            "refund" => Self::Refund,
            "cancel" => Self::Cancel,
            "uncancel" => Self::Uncancel,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            _ => return None,
        })
    }
}

/// Pays a checkout and creates its customer (if new), subscription and order.
pub(super) async fn pay(conn: &mut SqliteConnection, checkout: &mut Object) -> Answer<()> {
    let now = now_ms();
    let mut stage = Stage::new(&checkout.webhook_url);
    let customer = match customer_of(conn, &checkout.doc).await? {
        Some(known) => known,
        None => {
            let doc = shapes::customer(&checkout.doc, now);
            let new = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
            objects::insert(conn, Kind::Customer, &new).await?;
            stage.says("customer.created", &new.doc);
            new
        }
    };
    set(
        &mut checkout.doc,
        json!({"customer_id": customer.id, "customer_email": customer.doc["email"], "status": "confirmed"}),
    );
    stage.says("checkout.updated", &checkout.doc);
    set(&mut checkout.doc, json!({"status": "succeeded"}));
    stage.says("checkout.updated", &checkout.doc);
    objects::save(conn, checkout).await?;

    let doc = shapes::subscription(&checkout.doc, &customer.doc, now);
    let subscription = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
    let doc = shapes::order(&subscription.doc, Some(&checkout.id), now);
    let mut order = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
    stage.says("order.created", &order.doc);
    stage.says("subscription.created", &subscription.doc);
    stage.says("subscription.updated", &subscription.doc);
    stage.says("subscription.active", &subscription.doc);
    collect(&mut order, &mut stage);
    objects::insert(conn, Kind::Subscription, &subscription).await?;
    objects::insert(conn, Kind::Order, &order).await?;
    stage.publish(conn).await
}

/// Applies an action to a subscription, or returns the error that Polar would.
pub(super) async fn happen(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    happening: Happening,
) -> Answer<()> {
    if happening != Happening::Refund && !subscription.doc["ended_at"].is_null() {
        return Err(error(
            403,
            "AlreadyCanceledSubscription",
            "This subscription is already canceled or will be at the end of the period.",
        ));
    }
    let mut stage = Stage::new(&subscription.webhook_url);
    let scheduled_to_end = subscription.doc["cancel_at_period_end"] == true;
    let is_paused = subscription.text("status") == "paused";
    match happening {
        Happening::Renew | Happening::PastDue | Happening::Lapse if is_paused => {
            let detail = format!("Subscription {} is not billable.", subscription.id);
            return Err(error(403, "NotBillableSubscription", &detail));
        }
        Happening::Pause => pauses::pause(subscription, &mut stage)?,
        Happening::SchedulePause => pauses::schedule(subscription, &mut stage)?,
        Happening::UnschedulePause => pauses::unschedule(subscription, &mut stage)?,
        Happening::Resume => pauses::resume(conn, subscription, &mut stage).await?,
        Happening::Revoke => end(
            subscription,
            &mut stage,
            &["subscription.updated", "subscription.canceled", "subscription.revoked"],
        ),
        Happening::Renew if scheduled_to_end => {
            end(subscription, &mut stage, &["subscription.updated", "subscription.revoked"]);
        }
        Happening::Renew if subscription.doc["pause_at_period_end"] == true => {
            pauses::pause(subscription, &mut stage)?;
        }
        Happening::Renew if cards::is_declined(conn, &subscription.doc).await? => {
            past_due(conn, subscription, &mut stage).await?;
        }
        Happening::Renew => renew(conn, subscription, &mut stage).await?,
        Happening::PastDue => past_due(conn, subscription, &mut stage).await?,
        Happening::Lapse => {
            past_due(conn, subscription, &mut stage).await?;
            stage.says("subscription.revoked", &subscription.doc);
        }
        Happening::Refund => refund(conn, subscription, &mut stage).await?,
        Happening::Cancel if scheduled_to_end || is_paused => {
            return Err(error(
                403,
                "AlreadyCanceledSubscription",
                "This subscription is already canceled or will be at the end of the period.",
            ));
        }
        Happening::Cancel => {
            let ends_at = subscription.doc["current_period_end"].clone();
            set(
                &mut subscription.doc,
                json!({"cancel_at_period_end": true, "canceled_at": rfc3339(now_ms()), "ends_at": ends_at,
                    "pause_at_period_end": false, "resumes_at": null}),
            );
            stage.says("subscription.updated", &subscription.doc);
            stage.says("subscription.canceled", &subscription.doc);
        }
        Happening::Uncancel if !scheduled_to_end => {
            return Err(error(
                400,
                "BadRequest",
                "This subscription is not set to cancel at the end of the period.",
            ));
        }
        Happening::Uncancel => {
            set(
                &mut subscription.doc,
                json!({"cancel_at_period_end": false, "canceled_at": null, "ends_at": null,
                "customer_cancellation_reason": null, "customer_cancellation_comment": null}),
            );
            stage.says("subscription.updated", &subscription.doc);
            stage.says("subscription.uncanceled", &subscription.doc);
        }
    }
    objects::save(conn, subscription).await?;
    stage.publish(conn).await
}

fn end(subscription: &mut Object, stage: &mut Stage, events: &[&str]) {
    let now = rfc3339(now_ms());
    let canceled_at = if subscription.doc["canceled_at"].is_null() {
        json!(now)
    } else {
        subscription.doc["canceled_at"].clone()
    };
    set(
        &mut subscription.doc,
        json!({"status": "canceled", "canceled_at": canceled_at, "ends_at": now, "ended_at": now,
            "pause_at_period_end": false, "resumes_at": null}),
    );
    for event in events {
        stage.says(event, &subscription.doc);
    }
}

async fn renew(conn: &mut SqliteConnection, subscription: &mut Object, stage: &mut Stage) -> Answer<()> {
    // A past due subscription is in its new period already; only the payment is missing.
    if subscription.text("status") == "past_due" {
        if let Some(mut order) = objects::last_order(conn, &subscription.id, "pending").await? {
            collect(&mut order, stage);
            objects::save(conn, &order).await?;
        }
        set(&mut subscription.doc, json!({"status": "active", "past_due_at": null}));
        stage.says("subscription.updated", &subscription.doc);
        stage.says("subscription.active", &subscription.doc);
        return Ok(());
    }
    let mut order = cycle(subscription, stage);
    collect(&mut order, stage);
    objects::insert(conn, Kind::Order, &order).await?;
    Ok(())
}

async fn past_due(conn: &mut SqliteConnection, subscription: &mut Object, stage: &mut Stage) -> Answer<()> {
    if subscription.text("status") != "past_due" {
        let order = cycle(subscription, stage);
        objects::insert(conn, Kind::Order, &order).await?;
    }
    overdue(subscription, stage);
    Ok(())
}

pub(super) fn overdue(subscription: &mut Object, stage: &mut Stage) {
    if subscription.text("status") != "past_due" {
        set(&mut subscription.doc, json!({"status": "past_due", "past_due_at": rfc3339(now_ms())}));
    }
    stage.says("subscription.updated", &subscription.doc);
    stage.says("subscription.past_due", &subscription.doc);
}

/// Starts the next period and returns its unpaid order.
fn cycle(subscription: &mut Object, stage: &mut Stage) -> Object {
    let now = now_ms();
    let start = parse_rfc3339(subscription.text("current_period_end")).unwrap_or(now);
    set(
        &mut subscription.doc,
        json!({"current_period_start": rfc3339(start), "current_period_end": rfc3339(month_after(start))}),
    );
    let doc = shapes::order(&subscription.doc, None, now);
    stage.says("subscription.cycled", &subscription.doc);
    stage.says("subscription.updated", &subscription.doc);
    stage.says("order.created", &doc);
    Object { id: id_of(&doc), webhook_url: subscription.webhook_url.clone(), doc }
}

/// Records the payment of an order.
pub(super) fn collect(order: &mut Object, stage: &mut Stage) {
    set(&mut order.doc, json!({"status": "paid", "paid": true, "due_amount": 0}));
    stage.says("order.updated", &order.doc);
    stage.says("order.paid", &order.doc);
}

async fn refund(conn: &mut SqliteConnection, subscription: &Object, stage: &mut Stage) -> Answer<()> {
    let Some(mut order) = objects::last_order(conn, &subscription.id, "paid").await? else {
        return Err(error(403, "RefundedAlready", "Order is already fully refunded."));
    };
    stage.says("refund.created", &shapes::refund(&order.doc, now_ms()));
    let amount = order.doc["total_amount"].clone();
    set(&mut order.doc, json!({"status": "refunded", "refunded_amount": amount, "refundable_amount": 0}));
    stage.says("order.updated", &order.doc);
    stage.says("order.refunded", &order.doc);
    objects::save(conn, &order).await?;
    Ok(())
}

/// Finds the customer of a checkout or of the body of one: by id, external id or email.
pub(super) async fn customer_of(
    conn: &mut SqliteConnection,
    checkout: &Value,
) -> sqlx::Result<Option<Object>> {
    if let Some(id) = checkout["customer_id"].as_str() {
        return objects::get(conn, Kind::Customer, id).await;
    }
    if let Some(id) = checkout["external_customer_id"].as_str()
        && let Some(customer) = objects::customer_by_external_id(conn, id).await?
    {
        return Ok(Some(customer));
    }
    match checkout["customer_email"].as_str() {
        Some(email) => objects::customer_by_email(conn, email).await,
        None => Ok(None),
    }
}

/// Sets fields and `modified_at`.
pub(super) fn set(doc: &mut Value, changes: Value) {
    if let (Some(fields), Value::Object(changes)) = (doc.as_object_mut(), changes) {
        fields.extend(changes);
        fields.insert("modified_at".to_owned(), json!(rfc3339(now_ms())));
    }
}

pub(super) fn id_of(doc: &Value) -> String {
    doc["id"].as_str().unwrap_or_default().to_owned()
}
