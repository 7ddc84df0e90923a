//! The use cases around assistants, one file for each.

mod activate;
mod change;
mod checkout;
mod delete;
mod deliveries;
mod edits;
mod preflight;
mod purchase;
mod receipt;
mod redeploy;
mod removal;
mod search;
mod secrets;
mod stop;
mod timeline;
mod undo;
mod update;
mod view;

pub(crate) use removal::{REMOVAL_TIMEOUT, worker_ref};
pub(crate) use secrets::{BOT_TOKEN, MODEL_KEY};
pub(crate) use undo::is_paused;

pub use change::Change;
pub use checkout::{CheckoutProgress, CheckoutRedirect};
pub use deliveries::{DELIVERIES_PREVIEW, LoggedDelivery};
pub use preflight::{BotCheck, CheckTarget, ModelCheck, Preflight};
pub use purchase::Purchased;
pub use receipt::{End, RECEIPT_RETENTION as RECEIPT_KEPT_FOR, RECEIPTS_PER_PAGE, Receipt, SubscriptionEnd};
pub use search::{PAGE_SIZE, SearchPage};
pub use timeline::{TIMELINE_MAX, TimelineEntry, event_type_of};
pub use view::{Details, History, StoredSecret, TIMELINE_PREVIEW, TimelineItem, UNPAID_LISTED_FOR};
// The pages show these rows as they are stored.
pub use reef_store::{AttemptRow, DeliveryState};
