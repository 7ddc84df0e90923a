//! A payment provider that makes every checkout, and knows what it is told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::script::{Script, lock};
use crate::payments::{CheckoutFacts, OrderFacts, SubscriptionFacts};
use crate::ports::{Checkout, Interval, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint};

/// Takes payments; the port's methods are its calls.
#[derive(Default)]
pub struct FakePayments {
    /// What goes wrong.
    pub script: Script<PaymentError>,
    checkouts: Mutex<Vec<NewCheckout>>,
    revoked: Mutex<Vec<String>>,
    closed: Mutex<BTreeMap<String, &'static str>>,
    subscriptions: Mutex<Vec<Value>>,
    orders: Mutex<Vec<Value>>,
    endpoints: Mutex<Vec<WebhookEndpoint>>,
    is_unknown_customer: AtomicBool,
}

fn facts<T: DeserializeOwned>(doc: &Value) -> T {
    serde_json::from_value(doc.clone()).expect("the document is as Polar has it")
}

/// Puts a document over the one with its id, or behind all others.
fn put(docs: &mut Vec<Value>, doc: Value) {
    match docs.iter_mut().find(|known| known["id"] == doc["id"]) {
        Some(known) => *known = doc,
        None => docs.push(doc),
    }
}

/// The documents that name a slot, newest first, as Polar lists them.
fn naming<T: DeserializeOwned>(docs: &[Value], slot: AssistantId) -> Vec<T> {
    let slot = slot.to_string();
    docs.iter().rev().filter(|doc| doc["metadata"]["assistant_id"] == *slot).map(facts).collect()
}

impl FakePayments {
    /// The checkouts made, oldest first.
    #[must_use]
    pub fn checkouts(&self) -> Vec<NewCheckout> {
        lock(&self.checkouts).clone()
    }

    /// The subscriptions revoked, oldest first.
    #[must_use]
    pub fn revoked(&self) -> Vec<String> {
        lock(&self.revoked).clone()
    }

    /// The checkout of a slot is `expired`, `succeeded` or the like; it is `open` without this.
    ///
    /// # Panics
    /// When the slot has no checkout.
    pub fn set_checkout(&self, slot: AssistantId, status: &'static str) {
        let made = lock(&self.checkouts);
        let number = made.iter().position(|new| new.assistant_id == slot).expect("a checkout") + 1;
        lock(&self.closed).insert(format!("checkout_{number}"), status);
    }

    /// As [`Self::set_checkout`], for the last checkout of a slot that has several.
    ///
    /// # Panics
    /// When the slot has no checkout.
    pub fn set_last_checkout(&self, slot: AssistantId, status: &'static str) {
        let made = lock(&self.checkouts);
        let number = made.iter().rposition(|new| new.assistant_id == slot).expect("a checkout") + 1;
        lock(&self.closed).insert(format!("checkout_{number}"), status);
    }

    /// There is this subscription, in Polar's shape; one with its `id` is replaced.
    pub fn put_subscription(&self, doc: Value) {
        put(&mut lock(&self.subscriptions), doc);
    }

    /// There is this order, in Polar's shape; one with its `id` is replaced.
    pub fn put_order(&self, doc: Value) {
        put(&mut lock(&self.orders), doc);
    }

    /// From now on nobody is known as a customer.
    pub fn forget_customers(&self) {
        self.is_unknown_customer.store(true, Ordering::Relaxed);
    }

    /// Where webhooks go.
    pub fn set_endpoints(&self, endpoints: Vec<WebhookEndpoint>) {
        *lock(&self.endpoints) = endpoints;
    }
}

#[async_trait]
impl Payments for FakePayments {
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError> {
        let make = || {
            let mut made = lock(&self.checkouts);
            made.push(new.clone());
            let id = format!("checkout_{}", made.len());
            Ok(Checkout { url: format!("https://polar.test/checkout/{id}"), id })
        };
        self.script.perform("create_checkout", make).await
    }

    async fn price(&self, product: &str) -> Result<Option<Price>, PaymentError> {
        let amount = if product.contains("managed") { 2_900 } else { 1_900 };
        let price = || {
            Ok(Some(Price {
                amount,
                currency: "usd".to_owned(),
                interval: Interval::Month,
                interval_count: 1,
            }))
        };
        self.script.perform("price", price).await
    }

    async fn open_portal(&self, user: UserId, return_url: &str) -> Result<Option<String>, PaymentError> {
        let open = || {
            let is_known = !self.is_unknown_customer.load(Ordering::Relaxed);
            Ok(is_known.then(|| format!("https://polar.test/portal?of={user}&back={return_url}")))
        };
        self.script.perform("open_portal", open).await
    }

    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError> {
        let revoke = || {
            lock(&self.revoked).push(id.to_owned());
            if let Some(doc) = lock(&self.subscriptions).iter_mut().find(|doc| doc["id"] == id) {
                doc["status"] = json!("canceled");
                doc["ended_at"] = json!("2026-02-14T00:00:00Z");
                doc["canceled_at"] = json!("2026-02-14T00:00:00Z");
            }
            Ok(())
        };
        self.script.perform("revoke_subscription", revoke).await
    }

    async fn checkout(&self, id: &str) -> Result<Option<CheckoutFacts>, PaymentError> {
        let found = || {
            let status = lock(&self.closed).get(id).copied().unwrap_or("open");
            Ok(Some(facts(&json!({"status": status}))))
        };
        self.script.perform("checkout", found).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        let found = || Ok(lock(&self.subscriptions).iter().find(|doc| doc["id"] == id).map(facts));
        self.script.perform("subscription", found).await
    }

    async fn subscriptions_of(&self, slot: AssistantId) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        self.script.perform("subscriptions_of", || Ok(naming(&lock(&self.subscriptions), slot))).await
    }

    async fn orders_of(&self, slot: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        self.script.perform("orders_of", || Ok(naming(&lock(&self.orders), slot))).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        self.script.perform("webhook_endpoints", || Ok(lock(&self.endpoints).clone())).await
    }
}
