//! An account with an API key, and helpers that bring an assistant into each status.

use std::ops::Deref;

use reef_domain::ids::UserId;
use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{App, activation, bot_token, eventually};

/// All statuses of an assistant.
pub const STATUSES: [&str; 6] = ["pending_payment", "purchased", "deploying", "active", "failed", "stopped"];

/// An account with an API key that has all scopes.
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
    /// Orders a slot and returns its id and the checkout URL.
    pub async fn purchase(&self, mode: &str) -> (String, String) {
        let bought = self.send("POST", "/purchase", json!({"apiMode": mode})).await.data(201);
        let text = |key: &str| bought[key].as_str().expect("the value is not text").to_owned();
        (text("deploymentId"), text("checkoutUrl"))
    }

    /// Presses a button on the checkout page and returns the response's status.
    pub async fn press(&self, checkout: &str, button: &str) -> u16 {
        let answer = self.http.post(format!("{checkout}/{button}")).send().await.expect("the request failed");
        answer.status().as_u16()
    }

    /// Buys and pays for a slot, and returns its id.
    pub async fn purchased(&self, mode: &str) -> String {
        let (id, checkout) = self.purchase(mode).await;
        assert_eq!(self.press(&checkout, "pay").await, 303);
        self.wait_for_status(&id, "purchased").await;
        id
    }

    /// Waits until the record has this status and returns it.
    pub async fn wait_for_status(&self, id: &str, status: &str) -> Value {
        let path = format!("/{id}");
        eventually(&format!("status {status}"), async || {
            Some(self.get(&path).await).filter(|record| record["status"] == status)
        })
        .await
    }

    /// Waits until a field of the record has this value and returns the record.
    pub async fn wait_for_field(&self, id: &str, field: &str, value: Value) -> Value {
        let path = format!("/{id}");
        eventually(&format!("{field} {value}"), async || {
            Some(self.get(&path).await).filter(|record| record[field] == value)
        })
        .await
    }

    /// Activates an assistant with a bot of this kind and returns its id.
    pub async fn activated(&self, kind: &str) -> String {
        let id = self.purchased("byok").await;
        self.ok("POST", &format!("/{id}/activate"), activation(&bot_token(kind))).await;
        id
    }

    /// Creates an active assistant and returns its id.
    pub async fn active(&self) -> String {
        let id = self.activated("ok").await;
        self.wait_for_status(&id, "active").await;
        id
    }

    /// Creates an assistant that stays in this status, and returns its id.
    pub async fn in_status(&self, status: &str) -> String {
        let id = match status {
            "pending_payment" => self.purchase("byok").await.0,
            "purchased" => self.purchased("byok").await,
            "deploying" => self.activated("stuck").await,
            "active" => self.active().await,
            "failed" => self.activated("revoked").await,
            "stopped" => {
                let id = self.active().await;
                self.ok("POST", &format!("/{id}/stop"), Value::Null).await;
                id
            }
            _ => panic!("unknown status"),
        };
        self.wait_for_status(&id, status).await;
        id
    }
}
