//! A payment provider that accepts every checkout, with subscriptions and orders that tests set.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reef_domain::ids::{AssistantId, UserId};
use reef_ports::{Checkout, Interval, NewCheckout, PaymentError, Payments, Price, WebhookEndpoint};
use reef_ports::{CheckoutFacts, OrderFacts, SubscriptionFacts};
use reef_protocols::{HttpResponse, polar};
use serde_json::{Value, json};

use crate::testing::script::{Script, lock};

/// Takes payments. Its scripted calls are the methods of the port.
#[derive(Default)]
pub struct FakePayments {
    /// The scripted failures of its calls.
    pub script: Script<PaymentError>,
    checkouts: Mutex<Vec<NewCheckout>>,
    revoked: Mutex<Vec<String>>,
    closed: Mutex<BTreeMap<String, &'static str>>,
    subscriptions: Mutex<Vec<Value>>,
    orders: Mutex<Vec<Value>>,
    endpoints: Mutex<Vec<WebhookEndpoint>>,
    is_unknown_customer: AtomicBool,
}

/// A response of Polar with a document.
fn respond(doc: &Value) -> HttpResponse {
    let body = doc.to_string().into_bytes();
    HttpResponse { status: 200, retry_after_s: None, headers: Vec::new(), body }
}

/// Replaces the document with the same id, or appends it.
fn upsert(docs: &mut Vec<Value>, doc: Value) {
    match docs.iter_mut().find(|known| known["id"] == doc["id"]) {
        Some(known) => *known = doc,
        None => docs.push(doc),
    }
}

/// Polar's list of the documents for an assistant, newest first.
fn list_docs(docs: &[Value], assistant_id: AssistantId) -> HttpResponse {
    let assistant_id = assistant_id.to_string();
    let listed: Vec<_> =
        docs.iter().rev().filter(|doc| doc["metadata"]["assistant_id"] == *assistant_id).collect();
    respond(&json!({ "items": listed }))
}

impl FakePayments {
    /// All checkouts that were created, oldest first.
    #[must_use]
    pub fn checkouts(&self) -> Vec<NewCheckout> {
        lock(&self.checkouts).clone()
    }

    /// All subscriptions that were revoked, oldest first.
    #[must_use]
    pub fn revoked(&self) -> Vec<String> {
        lock(&self.revoked).clone()
    }

    /// Sets the status of an assistant's checkout, such as `expired` or `succeeded`. It is `open` at first.
    ///
    /// # Panics
    /// When the assistant has no checkout.
    pub fn set_checkout_status(&self, assistant_id: AssistantId, status: &'static str) {
        let checkouts = lock(&self.checkouts);
        let number =
            checkouts.iter().position(|new| new.assistant_id == assistant_id).expect("a checkout") + 1;
        lock(&self.closed).insert(format!("checkout_{number}"), status);
    }

    /// As [`Self::set_checkout_status`], for the latest of an assistant's checkouts.
    ///
    /// # Panics
    /// When the assistant has no checkout.
    pub fn set_last_checkout_status(&self, assistant_id: AssistantId, status: &'static str) {
        let checkouts = lock(&self.checkouts);
        let number =
            checkouts.iter().rposition(|new| new.assistant_id == assistant_id).expect("a checkout") + 1;
        lock(&self.closed).insert(format!("checkout_{number}"), status);
    }

    /// Sets a subscription in Polar's form, replacing one with the same `id`.
    pub fn set_subscription(&self, doc: Value) {
        upsert(&mut lock(&self.subscriptions), doc);
    }

    /// Sets an order in Polar's form, replacing one with the same `id`.
    pub fn set_order(&self, doc: Value) {
        upsert(&mut lock(&self.orders), doc);
    }

    /// Forgets all customers: opening the customer portal fails from now on.
    pub fn forget_customers(&self) {
        self.is_unknown_customer.store(true, Ordering::Relaxed);
    }

    /// Sets the endpoints that Polar sends its webhooks to.
    pub fn set_endpoints(&self, endpoints: Vec<WebhookEndpoint>) {
        *lock(&self.endpoints) = endpoints;
    }
}

#[async_trait]
impl Payments for FakePayments {
    async fn create_checkout(&self, new: &NewCheckout) -> Result<Checkout, PaymentError> {
        let create = || {
            let mut checkouts = lock(&self.checkouts);
            checkouts.push(new.clone());
            let id = format!("checkout_{}", checkouts.len());
            Ok(Checkout { url: format!("https://polar.test/checkout/{id}"), id })
        };
        self.script.perform("create_checkout", create).await
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
            polar::read_checkout(&respond(&json!({"status": status})))
        };
        self.script.perform("checkout", found).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<SubscriptionFacts>, PaymentError> {
        let found = || match lock(&self.subscriptions).iter().find(|doc| doc["id"] == id) {
            Some(doc) => polar::read_subscription(&respond(doc)),
            None => Ok(None),
        };
        self.script.perform("subscription", found).await
    }

    async fn subscriptions_of(
        &self,
        assistant_id: AssistantId,
    ) -> Result<Vec<SubscriptionFacts>, PaymentError> {
        let listed = || polar::read_subscriptions(&list_docs(&lock(&self.subscriptions), assistant_id));
        self.script.perform("subscriptions_of", listed).await
    }

    async fn orders_of(&self, assistant_id: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        let listed = || polar::read_orders(&list_docs(&lock(&self.orders), assistant_id));
        self.script.perform("orders_of", listed).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, PaymentError> {
        self.script.perform("webhook_endpoints", || Ok(lock(&self.endpoints).clone())).await
    }
}
