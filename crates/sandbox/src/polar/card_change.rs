//! The change of a customer's card, with which Polar charges what is past due.

use serde_json::json;
use sqlx::SqliteConnection;

use super::{
    cards::DECLINED_LAST4,
    documents,
    events::EventBatch,
    lifecycle::{self, SubscriptionAction},
    objects::{self, Kind, Object, id_of, update_fields},
};
use crate::{clock::now_ms, web::HandlerResult};

/// At most this many past due subscriptions are charged when a card is changed.
const CHARGED_MAX: i64 = 100;

/// Changes the card of a customer and charges past due subscriptions.
pub(super) async fn replace_card(
    conn: &mut SqliteConnection,
    customer: &mut Object,
    last4: &str,
) -> HandlerResult<()> {
    let doc = documents::payment_method(&customer.doc, last4, now_ms());
    let card = Object { id: id_of(&doc), webhook_url: customer.webhook_url.clone(), doc };
    objects::insert(conn, Kind::PaymentMethod, &card).await?;
    update_fields(&mut customer.doc, json!({"default_payment_method_id": card.id}));
    objects::update(conn, customer).await?;
    let mut batch = EventBatch::new(&customer.webhook_url);
    batch.push("customer.updated", &customer.doc);
    batch.enqueue(conn).await?;
    if last4 == DECLINED_LAST4 {
        return Ok(());
    }
    let subscriptions =
        objects::list_by_customer(conn, Kind::Subscription, &customer.id, CHARGED_MAX).await?;
    for mut subscription in subscriptions.into_iter().filter(|found| found.text("status") == "past_due") {
        lifecycle::apply(conn, &mut subscription, SubscriptionAction::Renew).await?;
    }
    Ok(())
}
