//! Callbacks to customers' endpoints as Standard Webhooks: their bodies, signing them, delivering them, and their log. Pages call
//! them webhooks. `assistants/save.rs` records one with each change of an assistant.

pub(crate) mod deliver;
mod delivery;
pub(crate) mod log;
pub(crate) mod payload;
mod resend;
pub(crate) mod signing;

pub(crate) use deliver::DeliverCallback;
pub use delivery::Delivery;
pub use log::{DELIVERIES_PREVIEW, DeliveryAttempt, LoggedDelivery};
pub(crate) use payload::{AllowanceNotice, render_allowance_notice, render_event, render_health_change};
pub use signing::{PREVIOUS_SECRET_VALID_FOR, RETRY_DELAYS, sign};
