//! Payments: Polar's webhooks are stored and processed in order, and payment checks find what lost webhooks would have
//! reported. Both end in [`apply`].

mod apply;
mod endpoint;
mod event;
mod inbox;
mod reconcile;
mod schedule;
mod signature;
mod transition;

pub use endpoint::EndpointHealth;
pub use inbox::WebhookHeaders;
pub(crate) use schedule::{DELETED_CHECK_AFTER, FIRST_CHECK_AFTER, VERIFY_AFTER};
