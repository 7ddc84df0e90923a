//! Albums: what people see as one message comes as one update per picture.

use crate::host::{Host, MemoryError};
use crate::telegram::{Message, Update};

/// Whether another part of the same album answers for this one: one that was answered already, or one whose words
/// still wait.
pub(super) async fn is_covered<H: Host>(
    host: &H,
    update: &Update,
    message: &Message,
) -> Result<bool, MemoryError> {
    let Some(media_group_id) = &message.media_group_id else { return Ok(false) };
    let parts = host.album_parts(message.chat.id, media_group_id).await?;
    let mut others = parts.iter().filter(|part| part.update_id != update.update_id);
    Ok(others.any(|part| part.is_answered || part.has_words))
}
