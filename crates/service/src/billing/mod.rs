//! Payments: checkouts, prices, the customer's portal, and model credit.
//!
//! `order.paid` and Polar's other webhooks are stored and processed in order by `webhooks`. Payment checks in `reconcile`
//! find what lost webhooks would have reported. Both end in `apply`, which finds the assistant and saves what `transition`
//! says has changed.

mod apply;
pub(crate) mod checkout;
pub mod credit;
mod event;
mod outcome;
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
