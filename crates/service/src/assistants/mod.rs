//! What an owner does with an assistant: one file for each use case, named after it.
//!
//! Whether it may be done is decided by the state machine, `reef_domain::state`: a use case applies an event, which the state
//! accepts or rejects. What pages offer follows from `reef_domain::actions`.

mod activate;
mod change;
mod delete;
mod edits;
mod forget;
mod paging;
mod preflight;
mod purchase;
mod receipt;
mod redeploy;
mod save;
mod search;
mod secrets;
mod stop;
mod undo;
mod update;
mod view;

pub use change::Change;
pub(crate) use forget::ForgetConversations;
pub use preflight::{BotCheck, CheckTarget, ModelCheck, Preflight};
pub use receipt::{End, RECEIPT_RETENTION as RECEIPT_KEPT_FOR, RECEIPTS_PER_PAGE, Receipt, SubscriptionEnd};
pub use search::{AssistantList, PAGE_SIZE, SearchPage};
pub(crate) use secrets::{BOT_TOKEN, MODEL_KEY};
pub(crate) use undo::is_paused;
pub use view::{
    ActiveBot, Details, History, StoredSecret, TIMELINE_PREVIEW, TimelineItem, UNPAID_LISTED_FOR,
};
