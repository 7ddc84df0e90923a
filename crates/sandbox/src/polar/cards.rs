//! The cards of customers: one that works and one that is declined.

use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::{
    documents,
    events::EventBatch,
    lifecycle::{self, SubscriptionAction, update_fields},
    objects::{self, Kind, Object},
};
use crate::{clock::now_ms, web::HandlerResult};

/// The last digits of the card that customers pay with unless they change it.
pub(super) const VALID_LAST4: &str = "4242";
/// The last digits of the card that is declined, which is Stripe's test card 4000 0000 0000 0341.
pub(super) const DECLINED_LAST4: &str = "0341";
/// At most this many past due subscriptions are charged when a card is changed.
const CHARGED_MAX: i64 = 100;

pub(super) async fn last4(conn: &mut SqliteConnection, customer: &Object) -> sqlx::Result<String> {
    let id = customer.text("default_payment_method_id");
    let card = objects::find(conn, Kind::PaymentMethod, id).await?;
    let digits = card.and_then(|card| card.doc["method_metadata"]["last4"].as_str().map(str::to_owned));
    Ok(digits.unwrap_or_else(|| VALID_LAST4.to_owned()))
}

/// Whether a subscription's next charge fails.
pub(super) async fn is_declined(conn: &mut SqliteConnection, subscription: &Value) -> sqlx::Result<bool> {
    let id = subscription["customer_id"].as_str().unwrap_or_default();
    let Some(customer) = objects::find(conn, Kind::Customer, id).await? else { return Ok(false) };
    Ok(last4(conn, &customer).await? == DECLINED_LAST4)
}

/// Changes the card of a customer and charges past due subscriptions.
pub(super) async fn replace(
    conn: &mut SqliteConnection,
    customer: &mut Object,
    last4: &str,
) -> HandlerResult<()> {
    let doc = documents::payment_method(&customer.doc, last4, now_ms());
    let card = Object { id: lifecycle::id_of(&doc), webhook_url: customer.webhook_url.clone(), doc };
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
