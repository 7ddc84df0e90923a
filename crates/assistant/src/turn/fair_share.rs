//! The share that each person has of an assistant which answers everyone.

use reef_domain::settings::{AccessMode, Settings as Behavior};
use reef_protocols::telegram::{Message, Update};

use crate::access::Share;
use crate::host::{Host, MemoryError};
use crate::texts;

/// Counts a question toward its author's share. If that is used up, returns the reply, or `Some(None)` if the question is
/// passed over. Commands and messages that are not for the assistant cost no model call, so they are not counted.
pub(super) async fn refusal<H: Host>(
    host: &H,
    behavior: &Behavior,
    update: &Update,
    message: &Message,
) -> Result<Option<Option<&'static str>>, MemoryError> {
    if behavior.access.mode != AccessMode::Anyone {
        return Ok(None);
    }
    Ok(match host.use_share(update.update_id, author_id(message)).await? {
        Share::Granted => None,
        Share::UsedUp { is_announced } => Some(is_announced.then_some(texts::SHARE_USED_UP)),
    })
}

/// The Telegram user who wrote a message, or the chat on whose behalf it was written.
fn author_id(message: &Message) -> i64 {
    let chat = message.sender_chat.as_ref().map(|chat| chat.id);
    chat.or(message.from.as_ref().map(|user| user.id)).unwrap_or(message.chat.id)
}
