//! Payments: Polar's webhooks are stored and processed in order, and payment checks find what lost webhooks would have
//! reported. Both end in [`apply`].

mod apply;
mod endpoint;
mod event;
mod facts;
mod inbox;
mod judge;
mod reconcile;
mod schedule;
mod signature;

pub use endpoint::EndpointHealth;
pub use facts::{CheckoutFacts, CheckoutStanding, OrderFacts, Standing, SubscriptionFacts};
pub use inbox::WebhookHeaders;
pub(crate) use schedule::{DELETED_ASK_AFTER, FIRST_ASK_AFTER, VERIFY_AFTER};
