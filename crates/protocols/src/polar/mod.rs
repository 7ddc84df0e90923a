//! Polar's API: checkouts, orders, subscriptions, products, the customer portal and webhooks. Paths, fields and errors are
//! those of Polar's OpenAPI document, version 2026-10.

mod checkout_rejection;
mod objects;
mod product;
mod requests;
mod responses;
mod signature;
mod webhook;

pub use requests::Api;
pub use responses::{
    read_checkout, read_new_checkout, read_orders, read_portal_url, read_price, read_revocation,
    read_subscription, read_subscriptions, read_webhook_endpoints,
};
pub use signature::{WEBHOOK_ID_BYTES_MAX, WebhookHeaders};
pub use webhook::{InvalidWebhook, parse_webhook};
