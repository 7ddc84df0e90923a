//! Payments: checkouts, prices, the customer's portal, and model credit.
//!
//! Polar's webhooks are stored and processed in order, and payment checks find what lost webhooks would have reported. Both
//! end in [`apply`].

mod apply;
pub(crate) mod checkout;
pub mod credit;
mod event;
mod portal;
pub(crate) mod price_cache;
mod prices;
mod reconcile;
mod revocation;
pub(crate) mod schedule;
mod transition;
mod webhook_endpoint;
mod webhooks;

pub use checkout::{CheckoutProgress, CheckoutRedirect};
pub use price_cache::Prices;
pub(crate) use revocation::RevokeSubscription;
pub(crate) use schedule::{DELETED_CHECK_AFTER, FIRST_CHECK_AFTER};
pub use webhook_endpoint::EndpointHealth;
pub(crate) use webhooks::ProcessPolarInbox;
