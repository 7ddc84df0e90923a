//! Assistants: one file a use case.

mod activate;
mod checkout;
mod delete;
mod preflight;
mod purchase;
mod redeploy;
mod removal;
mod secrets;
mod stop;
mod timeline;
mod update;
mod view;

pub(crate) use removal::{REMOVAL_TIMEOUT, worker_ref};
pub(crate) use secrets::{BOT_TOKEN, MODEL_KEY};

pub use checkout::{GoOn, PaymentStanding};
pub use preflight::{BotFinding, Kept, ModelFinding, Preflight, Try};
pub use purchase::Purchased;
pub use timeline::{SHOWN_MAX, TimelineEntry, callback_type};
pub use view::{Details, UNPAID_SHOWN_FOR};
