//! The use cases around assistants, one file for each.

mod activate;
mod callbacks;
mod change;
mod checkout;
mod delete;
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

pub use callbacks::{CALLBACKS_SHOWN, Callback};
pub use change::Change;
pub use checkout::{GoOn, PaymentStanding};
pub use preflight::{BotFinding, ModelFinding, Preflight, Try};
pub use purchase::Purchased;
pub use receipt::{End, KEPT_FOR as RECEIPT_KEPT_FOR, RECEIPTS_LISTED, Receipt, SubscriptionEnd};
pub use search::{Found, PAGE};
pub use timeline::{SHOWN_MAX, TimelineEntry, callback_type};
pub use view::{Details, Happened, History, KeptSecret, TIMELINE_SHOWN, UNPAID_SHOWN_FOR};
// The pages show these rows as they are stored.
pub use reef_store::{AttemptRow, DeliveryState};
