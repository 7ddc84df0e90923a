//! An account with a key, and the ways to get an assistant into each status.

use std::ops::Deref;

use reef_domain::ids::UserId;
use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{App, activation, bot, eventually};

/// Every status, as the table has them.
pub const STATUSES: [&str; 6] = ["pending_payment", "purchased", "deploying", "active", "failed", "stopped"];

/// An account with a key that may do everything.
pub struct Customer<'a> {
    pub app: &'a App,
    pub user: UserId,
    pub client: Client,
}

impl Deref for Customer<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Customer<'_> {
    /// Orders a slot: its id, and where to pay.
    pub async fn purchase(&self, mode: &str) -> (String, String) {
        let bought = self.send("POST", "/purchase", json!({"apiMode": mode})).await.data(201);
        let text = |key: &str| bought[key].as_str().expect("text").to_owned();
        (text("deploymentId"), text("checkoutUrl"))
    }

    /// Presses a button on the checkout page: the answer's status.
    pub async fn press(&self, checkout: &str, button: &str) -> u16 {
        let answer = self.http.post(format!("{checkout}/{button}")).send().await.expect("an answer");
        answer.status().as_u16()
    }

    /// A slot that is paid: its id.
    pub async fn slot(&self, mode: &str) -> String {
        let (id, checkout) = self.purchase(mode).await;
        assert_eq!(self.press(&checkout, "pay").await, 303);
        self.until(&id, "purchased").await;
        id
    }

    /// The record, once it has this status.
    pub async fn until(&self, id: &str, status: &str) -> Value {
        let path = format!("/{id}");
        eventually(&format!("status {status}"), async || {
            Some(self.get(&path).await).filter(|record| record["status"] == status)
        })
        .await
    }

    /// The record, once this field has this value.
    pub async fn until_field(&self, id: &str, field: &str, value: Value) -> Value {
        let path = format!("/{id}");
        eventually(&format!("{field} {value}"), async || {
            Some(self.get(&path).await).filter(|record| record[field] == value)
        })
        .await
    }

    /// Activates with a bot of this kind: the id.
    pub async fn activated(&self, kind: &str) -> String {
        let id = self.slot("byok").await;
        self.ok("POST", &format!("/{id}/activate"), activation(&bot(kind))).await;
        id
    }

    /// An assistant whose worker answers: its id.
    pub async fn active(&self) -> String {
        let id = self.activated("ok").await;
        self.until(&id, "active").await;
        id
    }

    /// An assistant in this status that stays there: its id.
    pub async fn in_status(&self, status: &str) -> String {
        let id = match status {
            "pending_payment" => self.purchase("byok").await.0,
            "purchased" => self.slot("byok").await,
            "deploying" => self.activated("stuck").await,
            "active" => self.active().await,
            "failed" => self.activated("revoked").await,
            "stopped" => {
                let id = self.active().await;
                self.ok("POST", &format!("/{id}/stop"), Value::Null).await;
                id
            }
            _ => panic!("no such status"),
        };
        self.until(&id, status).await;
        id
    }
}
