//! Payments: Polar's webhooks come in, are kept, and are worked off in order.

mod apply;
mod event;
mod inbox;
mod signature;

pub use inbox::WebhookHeaders;
