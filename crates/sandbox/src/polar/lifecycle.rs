//! The lifecycle of a subscription: each action changes it and enqueues the events in Polar's order.

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    cards, documents, error,
    events::EventBatch,
    objects::{self, Kind, Object, id_of, update_fields},
    pauses, payments,
};
use crate::{
    World,
    clock::{now_ms, rfc3339},
    web::HandlerResult,
};

/// At most this many subscriptions are resumed at once.
const RESUME_MAX: i64 = 100;

/// An action on a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubscriptionAction {
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

impl SubscriptionAction {
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
pub(super) async fn pay(conn: &mut SqliteConnection, checkout: &mut Object) -> HandlerResult<()> {
    let now = now_ms();
    let mut batch = EventBatch::new(&checkout.webhook_url);
    let customer = match find_customer(conn, &checkout.doc).await? {
        Some(known) => known,
        None => {
            let doc = documents::customer(&checkout.doc, now);
            let new = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
            objects::insert(conn, Kind::Customer, &new).await?;
            batch.push("customer.created", &new.doc);
            new
        }
    };
    update_fields(
        &mut checkout.doc,
        json!({"customer_id": customer.id, "customer_email": customer.doc["email"], "status": "confirmed"}),
    );
    batch.push("checkout.updated", &checkout.doc);
    update_fields(&mut checkout.doc, json!({"status": "succeeded"}));
    batch.push("checkout.updated", &checkout.doc);
    objects::update(conn, checkout).await?;

    let doc = documents::subscription(&checkout.doc, &customer.doc, now);
    let subscription = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
    let doc = documents::order(&subscription.doc, Some(&checkout.id), now);
    let mut order = Object { id: id_of(&doc), webhook_url: checkout.webhook_url.clone(), doc };
    batch.push("order.created", &order.doc);
    batch.push("subscription.created", &subscription.doc);
    batch.push("subscription.updated", &subscription.doc);
    batch.push("subscription.active", &subscription.doc);
    payments::record_payment(&mut order, &mut batch);
    objects::insert(conn, Kind::Subscription, &subscription).await?;
    objects::insert(conn, Kind::Order, &order).await?;
    batch.enqueue(conn).await
}

/// Applies an action to a subscription, or returns the error that Polar would.
pub(super) async fn apply(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    action: SubscriptionAction,
) -> HandlerResult<()> {
    if action != SubscriptionAction::Refund && !subscription.doc["ended_at"].is_null() {
        return Err(error(
            403,
            "AlreadyCanceledSubscription",
            "This subscription is already canceled or will be at the end of the period.",
        ));
    }
    let mut batch = EventBatch::new(&subscription.webhook_url);
    let scheduled_to_end = subscription.doc["cancel_at_period_end"] == true;
    let is_paused = subscription.text("status") == "paused";
    match action {
        SubscriptionAction::Renew | SubscriptionAction::PastDue | SubscriptionAction::Lapse if is_paused => {
            let detail = format!("Subscription {} is not billable.", subscription.id);
            return Err(error(403, "NotBillableSubscription", &detail));
        }
        SubscriptionAction::Pause => pauses::pause(subscription, &mut batch)?,
        SubscriptionAction::SchedulePause => pauses::schedule(subscription, &mut batch)?,
        SubscriptionAction::UnschedulePause => pauses::unschedule(subscription, &mut batch)?,
        SubscriptionAction::Resume => pauses::resume(conn, subscription, &mut batch).await?,
        SubscriptionAction::Revoke => end_subscription(
            subscription,
            &mut batch,
            &["subscription.updated", "subscription.canceled", "subscription.revoked"],
        ),
        SubscriptionAction::Renew if scheduled_to_end => {
            end_subscription(subscription, &mut batch, &["subscription.updated", "subscription.revoked"]);
        }
        SubscriptionAction::Renew if subscription.doc["pause_at_period_end"] == true => {
            pauses::pause(subscription, &mut batch)?;
        }
        SubscriptionAction::Renew if cards::is_declined(conn, &subscription.doc).await? => {
            payments::fail_renewal(conn, subscription, &mut batch).await?;
        }
        SubscriptionAction::Renew => payments::renew(conn, subscription, &mut batch).await?,
        SubscriptionAction::PastDue => payments::fail_renewal(conn, subscription, &mut batch).await?,
        SubscriptionAction::Lapse => {
            payments::fail_renewal(conn, subscription, &mut batch).await?;
            batch.push("subscription.revoked", &subscription.doc);
        }
        SubscriptionAction::Refund => payments::refund(conn, subscription, &mut batch).await?,
        SubscriptionAction::Cancel if scheduled_to_end || is_paused => {
            return Err(error(
                403,
                "AlreadyCanceledSubscription",
                "This subscription is already canceled or will be at the end of the period.",
            ));
        }
        SubscriptionAction::Cancel => {
            let ends_at = subscription.doc["current_period_end"].clone();
            update_fields(
                &mut subscription.doc,
                json!({"cancel_at_period_end": true, "canceled_at": rfc3339(now_ms()), "ends_at": ends_at,
                    "pause_at_period_end": false, "resumes_at": null}),
            );
            batch.push("subscription.updated", &subscription.doc);
            batch.push("subscription.canceled", &subscription.doc);
        }
        SubscriptionAction::Uncancel if !scheduled_to_end => {
            return Err(error(
                400,
                "BadRequest",
                "This subscription is not set to cancel at the end of the period.",
            ));
        }
        SubscriptionAction::Uncancel => {
            update_fields(
                &mut subscription.doc,
                json!({"cancel_at_period_end": false, "canceled_at": null, "ends_at": null,
                "customer_cancellation_reason": null, "customer_cancellation_comment": null}),
            );
            batch.push("subscription.updated", &subscription.doc);
            batch.push("subscription.uncanceled", &subscription.doc);
        }
    }
    objects::update(conn, subscription).await?;
    batch.enqueue(conn).await
}

/// Resumes the paused subscriptions whose `resumes_at` has passed.
pub(crate) async fn resume_due(world: &World) -> anyhow::Result<()> {
    let mut tx = world.db.begin().await?;
    let due: Vec<Object> = sqlx::query_as(
        "select id, webhook_url, doc from polar_objects
         where kind = 'subscription' and json_extract(doc, '$.status') = 'paused'
           and json_extract(doc, '$.resumes_at') <= $1
         order by seq limit $2",
    )
    .bind(rfc3339(now_ms()))
    .bind(RESUME_MAX)
    .fetch_all(&mut *tx)
    .await?;
    for mut subscription in due {
        let resumed = apply(&mut tx, &mut subscription, SubscriptionAction::Resume).await;
        resumed.map_err(|refusal| anyhow::anyhow!("{}", refusal.body))?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(())
}

fn end_subscription(subscription: &mut Object, batch: &mut EventBatch, events: &[&str]) {
    let now = rfc3339(now_ms());
    let canceled_at = if subscription.doc["canceled_at"].is_null() {
        json!(now)
    } else {
        subscription.doc["canceled_at"].clone()
    };
    update_fields(
        &mut subscription.doc,
        json!({"status": "canceled", "canceled_at": canceled_at, "ends_at": now, "ended_at": now,
            "pause_at_period_end": false, "resumes_at": null}),
    );
    for event in events {
        batch.push(event, &subscription.doc);
    }
}

/// Finds the customer of a checkout or of the body of one: by id, external id or email.
pub(super) async fn find_customer(
    conn: &mut SqliteConnection,
    checkout: &Value,
) -> sqlx::Result<Option<Object>> {
    if let Some(id) = checkout["customer_id"].as_str() {
        return objects::find(conn, Kind::Customer, id).await;
    }
    if let Some(id) = checkout["external_customer_id"].as_str()
        && let Some(customer) = objects::find_customer_by_external_id(conn, id).await?
    {
        return Ok(Some(customer));
    }
    match checkout["customer_email"].as_str() {
        Some(email) => objects::find_customer_by_email(conn, email).await,
        None => Ok(None),
    }
}
