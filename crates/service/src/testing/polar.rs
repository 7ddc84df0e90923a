//! Polar's webhooks, signed as Polar signs them.

use reef_domain::ids::AssistantId;
use reef_protocols::polar::WebhookHeaders;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::testing::{POLAR_SECRET, TestServices};

impl TestServices {
    /// The id of the subscription that pays for an assistant in tests.
    #[must_use]
    pub fn subscription_id(id: AssistantId) -> String {
        format!("sub_{id}")
    }

    /// Receives a webhook about an assistant's subscription.
    ///
    /// # Panics
    /// When the webhook is refused.
    pub async fn receive_subscription_event(&self, id: AssistantId, kind: &str) {
        let data = json!({
            "id": Self::subscription_id(id), "status": "active", "metadata": {"assistant_id": id.to_string()},
            "current_period_end": "2026-03-13T12:03:21.456Z", "canceled_at": null,
        });
        self.receive_polar_webhook(kind, data).await;
    }

    /// Receives a webhook about an assistant's order. The order is paid in full, and `order.refunded` refunds it in
    /// full.
    ///
    /// # Panics
    /// When the webhook is refused.
    pub async fn receive_order_event(&self, id: AssistantId, kind: &str) {
        let refunded = if kind == "order.refunded" { 1500 } else { 0 };
        let data = json!({
            "id": format!("order_{}", self.next_number()), "status": if refunded > 0 { "refunded" } else { "paid" },
            "paid": true, "metadata": {"assistant_id": id.to_string()},
            "subscription_id": Self::subscription_id(id), "total_amount": 1500, "refunded_amount": refunded,
        });
        self.receive_polar_webhook(kind, data).await;
    }

    /// Receives a webhook of Polar. It is processed by the next run of the jobs.
    ///
    /// # Panics
    /// When the webhook is refused.
    pub async fn receive_polar_webhook(&self, kind: &str, data: Value) {
        let body = json!({"type": kind, "timestamp": self.services.now(), "data": data}).to_string();
        let id = format!("webhook_{}", self.next_number());
        let headers = self.sign_polar(&id, &body);
        self.services.receive_polar(&headers, body.as_bytes()).await.expect("the webhook is accepted");
    }

    /// The headers of a webhook that is signed now with Polar's original key derivation.
    ///
    /// # Panics
    /// Never, because the values are plain text.
    #[must_use]
    pub fn sign_polar(&self, id: &str, body: &str) -> WebhookHeaders {
        let at = self.services.now().unix_seconds();
        let webhook = Webhook::from_bytes(POLAR_SECRET.as_bytes().to_vec()).expect("a secret");
        let signature = webhook.sign(id, at, body.as_bytes()).expect("a signature");
        WebhookHeaders { id: id.to_owned(), timestamp: at.to_string(), signature }
    }
}
