//! Albums: Telegram shows them as one message but sends one update per photo, and people expect one reply.

use reef_protocols::telegram::{Message, Update};

use crate::host::{Host, MemoryError};

/// Whether this part of an album needs no reply, because another part has one already or has a caption that will get
/// one.
pub(super) async fn is_answered_by_another_part<H: Host>(
    host: &H,
    update: &Update,
    message: &Message,
) -> Result<bool, MemoryError> {
    let Some(media_group_id) = &message.media_group_id else { return Ok(false) };
    let parts = host.list_album_parts(message.chat.id, media_group_id).await?;
    let mut others = parts.iter().filter(|part| part.update_id != update.update_id);
    Ok(others.any(|part| part.is_answered || part.has_caption))
}
