//! A payment provider that makes every checkout.

use std::sync::Mutex;

use async_trait::async_trait;

use super::script::{Script, lock};
use crate::ports::{Checkout, NewCheckout, PaymentError, Payments, Subscription};

/// Takes payments; `create_checkout`, `revoke_subscription` and `subscription` are its calls.
#[derive(Default)]
pub struct FakePayments {
    /// What goes wrong.
    pub script: Script<PaymentError>,
    checkouts: Mutex<Vec<NewCheckout>>,
    revoked: Mutex<Vec<String>>,
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

    async fn revoke_subscription(&self, id: &str) -> Result<(), PaymentError> {
        let revoke = || {
            lock(&self.revoked).push(id.to_owned());
            Ok(())
        };
        self.script.perform("revoke_subscription", revoke).await
    }

    async fn subscription(&self, id: &str) -> Result<Option<Subscription>, PaymentError> {
        let found = || {
            let active = !lock(&self.revoked).iter().any(|revoked| revoked == id);
            Ok(Some(Subscription { id: id.to_owned(), active, current_period_end: None }))
        };
        self.script.perform("subscription", found).await
    }
}
