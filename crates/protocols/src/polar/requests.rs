//! Builds requests to Polar.

use std::fmt;

use reef_domain::ids::{AssistantId, UserId};
use reef_ports::NewCheckout;
use serde_json::{Value, json};

use crate::http::{HttpRequest, Method, encode_segment};

/// The version of Polar's API that requests ask for.
const VERSION: &str = "2026-10";

/// The maximum page size of Polar's lists.
const PAGE_SIZE: u32 = 100;

const TIMEOUT_MS: u64 = 10_000;

/// Polar's API as an organization reaches it. Each method builds a request, which the function that its documentation names
/// reads the response of.
#[derive(Clone, Copy)]
pub struct Api<'a> {
    base_url: &'a str,
    token: &'a str,
}

impl fmt::Debug for Api<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Api<'a> {
    /// Uses an organization access token. `base_url` has neither `/v1` nor a trailing slash: `https://api.polar.sh`.
    pub const fn new(base_url: &'a str, token: &'a str) -> Self {
        Self { base_url, token }
    }

    fn url(self, path: &str) -> String {
        format!("{}/v1/{path}", self.base_url)
    }

    fn authorize(self, request: HttpRequest) -> HttpRequest {
        request.header("authorization", format!("Bearer {}", self.token)).header("polar-version", VERSION)
    }

    fn get(self, path: &str) -> HttpRequest {
        self.authorize(HttpRequest::get("polar", self.url(path), TIMEOUT_MS))
    }

    fn post(self, path: &str, body: &Value) -> HttpRequest {
        self.authorize(HttpRequest::post_json("polar", self.url(path), body, TIMEOUT_MS))
    }

    /// Creates a checkout; see [`read_new_checkout`](super::read_new_checkout).
    pub fn create_checkout(self, new: &NewCheckout) -> HttpRequest {
        // The email address is left out, because Polar rejects the checkout if it finds the address undeliverable. The
        // buyer enters one at the checkout.
        let body = json!({
            "products": [new.product],
            "external_customer_id": new.user_id,
            "metadata": {"assistant_id": new.assistant_id, "user_id": new.user_id},
            "success_url": new.success_url,
            "return_url": new.return_url,
        });
        self.post("checkouts/", &body)
    }

    /// Reads a checkout; see [`read_checkout`](super::read_checkout).
    pub fn get_checkout(self, id: &str) -> HttpRequest {
        self.get(&format!("checkouts/{}", encode_segment(id)))
    }

    /// Reads a product; see [`read_price`](super::read_price).
    pub fn get_product(self, id: &str) -> HttpRequest {
        self.get(&format!("products/{}", encode_segment(id)))
    }

    /// Opens the customer portal for a user, with a link back to `return_url`; see
    /// [`read_portal_url`](super::read_portal_url).
    pub fn create_portal_session(self, user: UserId, return_url: &str) -> HttpRequest {
        self.post("customer-sessions/", &json!({"external_customer_id": user, "return_url": return_url}))
    }

    /// Reads a subscription; see [`read_subscription`](super::read_subscription).
    pub fn get_subscription(self, id: &str) -> HttpRequest {
        self.get(&format!("subscriptions/{}", encode_segment(id)))
    }

    /// Ends a subscription at once; see [`read_revocation`](super::read_revocation).
    pub fn revoke_subscription(self, id: &str) -> HttpRequest {
        HttpRequest { method: Method::Delete, ..self.get_subscription(id) }
    }

    /// Lists the newest subscriptions whose metadata names an assistant; see
    /// [`read_subscriptions`](super::read_subscriptions).
    pub fn list_subscriptions(self, assistant_id: AssistantId) -> HttpRequest {
        self.list_by_assistant("subscriptions/", assistant_id)
    }

    /// Lists the newest orders whose metadata names an assistant; see [`read_orders`](super::read_orders).
    pub fn list_orders(self, assistant_id: AssistantId) -> HttpRequest {
        self.list_by_assistant("orders/", assistant_id)
    }

    fn list_by_assistant(self, path: &str, assistant_id: AssistantId) -> HttpRequest {
        // The brackets of `metadata[assistant_id]` are percent-encoded.
        self.get(&format!("{path}?metadata%5Bassistant_id%5D={assistant_id}&limit={PAGE_SIZE}"))
    }

    /// Lists the endpoints that Polar sends webhooks to; see [`read_webhook_endpoints`](super::read_webhook_endpoints).
    pub fn list_webhook_endpoints(self) -> HttpRequest {
        self.get(&format!("webhooks/endpoints?limit={PAGE_SIZE}"))
    }
}
