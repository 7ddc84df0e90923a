//! Pausing and resuming subscriptions. Nothing is charged during a pause, and resuming starts a new period.

use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    cards, error,
    events::Stage,
    lifecycle::{self, Happening, collect, id_of, set},
    objects::{self, Kind, Object},
    shapes,
};
use crate::{
    World,
    clock::{month_after, now_ms, rfc3339},
    web::Answer,
};

const RESUMED_MAX: i64 = 100;

fn can_pause(subscription: &Object) -> bool {
    subscription.text("status") == "active" && subscription.doc["cancel_at_period_end"] != true
}

fn refused() -> crate::web::Refusal {
    error(409, "CannotPauseSubscription", "This subscription cannot be paused.")
}

/// Schedules a pause for the end of the period. The subscription stays active until then.
pub(super) fn schedule(subscription: &mut Object, stage: &mut Stage) -> Answer<()> {
    if !can_pause(subscription) || subscription.doc["pause_at_period_end"] == true {
        return Err(refused());
    }
    set(&mut subscription.doc, json!({"pause_at_period_end": true}));
    stage.says("subscription.updated", &subscription.doc);
    Ok(())
}

pub(super) fn unschedule(subscription: &mut Object, stage: &mut Stage) -> Answer<()> {
    if subscription.doc["pause_at_period_end"] != true {
        return Err(error(409, "NoScheduledPause", "This subscription is not scheduled to be paused."));
    }
    set(&mut subscription.doc, json!({"pause_at_period_end": false, "resumes_at": null}));
    stage.says("subscription.updated", &subscription.doc);
    Ok(())
}

pub(super) fn pause(subscription: &mut Object, stage: &mut Stage) -> Answer<()> {
    if !can_pause(subscription) {
        return Err(refused());
    }
    set(
        &mut subscription.doc,
        json!({"status": "paused", "paused_at": rfc3339(now_ms()), "pause_at_period_end": false}),
    );
    stage.says("subscription.updated", &subscription.doc);
    stage.says("subscription.paused", &subscription.doc);
    Ok(())
}

/// Resumes a subscription with a new period, which is charged now.
pub(super) async fn resume(
    conn: &mut SqliteConnection,
    subscription: &mut Object,
    stage: &mut Stage,
) -> Answer<()> {
    if subscription.text("status") != "paused" {
        return Err(error(409, "NotPausedSubscription", "This subscription is not paused."));
    }
    let now = now_ms();
    set(
        &mut subscription.doc,
        json!({"status": "active", "paused_at": null, "resumes_at": null, "current_period_start": rfc3339(now),
            "current_period_end": rfc3339(month_after(now))}),
    );
    let doc = shapes::order(&subscription.doc, None, now);
    let mut order = Object { id: id_of(&doc), webhook_url: subscription.webhook_url.clone(), doc };
    stage.says("subscription.updated", &subscription.doc);
    stage.says("subscription.resumed", &subscription.doc);
    stage.says("order.created", &order.doc);
    if cards::is_declined(conn, &subscription.doc).await? {
        lifecycle::overdue(subscription, stage);
    } else {
        collect(&mut order, stage);
    }
    objects::insert(conn, Kind::Order, &order).await?;
    Ok(())
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
    .bind(RESUMED_MAX)
    .fetch_all(&mut *tx)
    .await?;
    for mut subscription in due {
        let resumed = lifecycle::happen(&mut tx, &mut subscription, Happening::Resume).await;
        resumed.map_err(|refusal| anyhow::anyhow!("{}", refusal.body))?;
    }
    tx.commit().await?;
    world.polar_events.notify_one();
    Ok(())
}
