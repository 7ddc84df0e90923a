//! Payments: Polar's webhooks come in, are kept, and are worked off in order; and since webhooks get lost, Polar is
//! asked. Both ways end in the same [`apply`].

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
