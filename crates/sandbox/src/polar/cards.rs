//! The cards of customers: one that works and one that is declined.

use serde_json::Value;
use sqlx::SqliteConnection;

use super::objects::{self, Kind, Object};

/// The last digits of the card that customers pay with unless they change it.
pub(super) const VALID_LAST4: &str = "4242";
/// The last digits of the card that is declined, which is Stripe's test card 4000 0000 0000 0341.
pub(super) const DECLINED_LAST4: &str = "0341";

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
