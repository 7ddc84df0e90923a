//! The preview of one answer: what of it is shown, where, and when the next change may be.

use std::time::Duration;

use reef_protocols::telegram::{
    BadRequestReason, Bot, FormattedText, Message, OutgoingMessage, SentMessage, TelegramError, read_response,
};
use reef_protocols::{HttpError, HttpResponse};

use crate::formatted::Formatted;
use crate::host::{Host, MemoryError};
use crate::markdown::render_unfinished;
use crate::memory::Part;
use crate::pace::SendKind;
use crate::settings::Settings;
use crate::split::{MESSAGE_UNITS_MAX, end_of, split};

/// The shortest time between two drafts. Telegram allows about one message per second in a chat, and animates drafts.
const DRAFT_INTERVAL: Duration = Duration::from_millis(600);

/// The shortest time between two edits. Telegram allows 20 messages a minute in a group, among them the reply.
const EDIT_INTERVAL: Duration = Duration::from_secs(4);

/// How long a draft that is being sent delays the reply at most. Longer ones are lost.
const LAST_DRAFT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest flood wait. An answer that takes longer is shown when it is complete.
const FLOOD_WAIT_MAX: Duration = Duration::from_secs(600);

enum Place {
    /// Drafts with this id, in a private chat.
    Draft { id: i64 },
    /// A message, once it is sent.
    Message { id: Option<i64> },
    /// Nothing is shown any longer.
    Nowhere,
}

pub(super) struct Shown<'a, H> {
    host: &'a H,
    settings: &'a Settings,
    message: &'a Message,
    update_id: i64,
    place: Place,
    last: Option<Part>,
}

impl<'a, H: Host> Shown<'a, H> {
    pub(super) fn new(
        host: &'a H,
        settings: &'a Settings,
        message: &'a Message,
        update_id: i64,
        preview: Option<i64>,
    ) -> Self {
        let place = if message.chat.is_private() {
            // Any number but 0 that is the same for all drafts of the turn.
            Place::Draft { id: update_id.max(1) }
        } else {
            Place::Message { id: preview }
        };
        Self { host, settings, message, update_id, place, last: None }
    }

    /// Whether there is something to show that is not shown yet.
    pub(super) fn can_show(&self, text: &str) -> bool {
        self.preview_of(text).is_some()
    }

    /// Returns how long to wait before looking again for something to show. Nobody has seen a word before the first preview, so it does
    /// not wait.
    pub(super) fn pause_without_change(&self) -> Duration {
        if self.last.is_none() { Duration::ZERO } else { DRAFT_INTERVAL }
    }

    /// Reserves a place for the next preview, and returns how long to wait for it.
    pub(super) fn reserve(&self) -> Duration {
        let kind = if self.last.is_none() { SendKind::FirstPreview } else { SendKind::NextPreview };
        self.host.reserve_send(self.message.chat.id, kind)
    }

    /// Returns how long the reply waits for a preview that is being sent; as long as it takes if that is `None`.
    pub(super) fn patience(&self) -> Option<Duration> {
        matches!(self.place, Place::Draft { .. }).then_some(LAST_DRAFT_TIMEOUT)
    }

    /// Shows the beginning of an answer, and returns how long to wait before it is shown again.
    pub(super) async fn show(&mut self, text: &str) -> Result<Duration, MemoryError> {
        let Some(part) = self.preview_of(text) else { return Ok(Duration::ZERO) };
        let text = FormattedText { text: &part.text, entities: &part.entities };
        let pause = match self.place {
            Place::Draft { id } => self.draft(id, text).await,
            Place::Message { id: Some(id) } => self.edit(id, text).await,
            Place::Message { id: None } => self.send(text).await?,
            Place::Nowhere => Duration::ZERO,
        };
        self.last = Some(part);
        Ok(pause)
    }

    /// Returns what of an unfinished text is shown: of a long one the end in a draft, and the first message elsewhere.
    fn preview_of(&self, text: &str) -> Option<Part> {
        let rendered = || render_unfinished(text);
        let part = match self.place {
            Place::Nowhere => None,
            Place::Draft { .. } => end_of(rendered(), MESSAGE_UNITS_MAX).into_part(),
            Place::Message { .. } => first_part(&rendered()),
        };
        part.filter(|part| self.last.as_ref() != Some(part))
    }

    fn bot(&self) -> Bot<'a> {
        Bot::new(&self.settings.telegram_url, &self.settings.bot_token)
    }

    async fn draft(&self, id: i64, text: FormattedText<'_>) -> Duration {
        let thread = super::topic(self.message);
        let request = self.bot().send_draft(self.message.chat.id, thread, id, text);
        // Other errors are ignored: the reply follows in any case.
        flood_wait::<bool>(&self.host.send(request).await).unwrap_or(DRAFT_INTERVAL)
    }

    async fn edit(&mut self, id: i64, text: FormattedText<'_>) -> Duration {
        let sent = self.host.send(self.bot().edit_preview(self.message.chat.id, id, text)).await;
        match read::<SentMessage>(&sent) {
            Err(TelegramError::BadRequest(reason)) if reason != BadRequestReason::NotModified => {
                self.place = Place::Nowhere;
                Duration::ZERO
            }
            _ => flood_wait::<SentMessage>(&sent).unwrap_or(EDIT_INTERVAL),
        }
    }

    /// Sends the message that will become the first part of the reply, and records it.
    async fn send(&mut self, text: FormattedText<'_>) -> Result<Duration, MemoryError> {
        let chat_id = self.message.chat.id;
        let message = OutgoingMessage {
            chat_id,
            thread_id: super::topic(self.message),
            reply_to: Some(self.message.message_id),
            text,
        };
        let sent = self.host.send(self.bot().send_message(&message)).await;
        if let Some(wait) = flood_wait::<SentMessage>(&sent) {
            return Ok(wait);
        }
        let id = read::<SentMessage>(&sent).ok().and_then(|message| message.message_id);
        let Some(id) = id else {
            // What was wrong shows when the reply is sent.
            self.place = Place::Nowhere;
            return Ok(Duration::ZERO);
        };
        if let Err(error) = self.host.record_preview(self.update_id, id).await {
            delete_preview(self.host, self.settings, chat_id, Some(id)).await;
            return Err(error);
        }
        self.place = Place::Message { id: Some(id) };
        Ok(EDIT_INTERVAL)
    }
}

/// Finds the message that shows the answer. In private chats there is none.
pub(super) async fn find_preview<H: Host>(
    host: &H,
    update_id: i64,
    message: &Message,
) -> Result<Option<i64>, MemoryError> {
    if message.chat.is_private() { Ok(None) } else { host.find_preview(update_id).await }
}

/// Deletes the message that shows the beginning of an answer, because the answer will not be in it.
pub(super) async fn delete_preview<H: Host>(
    host: &H,
    settings: &Settings,
    chat_id: i64,
    preview: Option<i64>,
) {
    if let Some(message_id) = preview {
        let bot = Bot::new(&settings.telegram_url, &settings.bot_token);
        // It may have been deleted already, and there is no other way to remove it.
        drop(host.send(bot.delete_message(chat_id, message_id)).await);
    }
}

fn first_part(rendered: &Formatted) -> Option<Part> {
    split(rendered, MESSAGE_UNITS_MAX).into_iter().next()
}

fn read<T: reef_protocols::telegram::CallResult>(
    sent: &Result<HttpResponse, HttpError>,
) -> Result<T, TelegramError> {
    sent.as_ref().map_or(Err(TelegramError::Malformed), read_response)
}

/// Returns how long Telegram makes the bot wait, if that is why it has not accepted a preview.
fn flood_wait<T: reef_protocols::telegram::CallResult>(
    sent: &Result<HttpResponse, HttpError>,
) -> Option<Duration> {
    match read::<T>(sent) {
        Err(TelegramError::RateLimited { retry_after_s }) => {
            Some(Duration::from_secs(retry_after_s.max(1)).min(FLOOD_WAIT_MAX))
        }
        _ => None,
    }
}
