//! Messages that waited while the assistant could not answer: after an outage, what one person has written is one question,
//! and each message in it says when it was sent.

use reef_domain::settings::Settings as Behavior;
use reef_protocols::telegram::{Message, Update};
use time::OffsetDateTime;

use crate::command::{Intent, intent};
use crate::host::{Host, MemoryError};
use crate::settings::Settings;

/// From when on a message is late. A turn takes two minutes at most, and one before it may take as long.
const LATE_AFTER_S: i64 = 5 * 60;

/// Telegram and the host each keep a message for a day. An older date is that of a wrong clock.
const LATE_MAX_S: i64 = 48 * 3600;

/// How many messages one question has at most, and how many of them with a file, as many as an album.
const MESSAGES_MAX: usize = 20;
const FILES_MAX: usize = 10;

/// The current time, against which messages are late.
#[derive(Debug, Clone, Copy)]
pub(super) struct LateClock {
    pub now_unix_ms: i64,
    /// The difference of the assistant's local time from UTC.
    pub utc_offset_s: i32,
}

impl LateClock {
    pub fn new<H: Host>(host: &H, behavior: &Behavior) -> Self {
        let now_unix_ms = host.now_unix_ms();
        Self { now_unix_ms, utc_offset_s: host.utc_offset_s(&behavior.time_zone, now_unix_ms) }
    }

    /// How many seconds a message is late; `None` if it is not.
    fn late_s(self, message: &Message) -> Option<i64> {
        let age_s = self.now_unix_ms.div_euclid(1000).saturating_sub(message.date);
        (LATE_AFTER_S..=LATE_MAX_S).contains(&age_s).then_some(age_s)
    }

    pub fn is_late(self, message: &Message) -> bool {
        self.late_s(message).is_some()
    }

    /// Says when a late message was sent, for the model.
    pub fn mark(self, message: &Message) -> Option<String> {
        let minutes = self.late_s(message)? / 60;
        let (count, unit) = if minutes < 60 { (minutes, "minute") } else { (minutes / 60, "hour") };
        let plural = if count == 1 { "" } else { "s" };
        let local_s = message.date.saturating_add(i64::from(self.utc_offset_s));
        let sent = OffsetDateTime::from_unix_timestamp(local_s).ok()?.time();
        Some(format!("(sent {count} {unit}{plural} ago, at {:02}:{:02})", sent.hour(), sent.minute()))
    }
}

/// Finds the messages that wait behind a late one and are answered with it, with their updates: what the same person has written
/// in the same conversation, up to a command. What other people have written in a group is answered apart.
pub(super) async fn waiting_messages<H: Host>(
    host: &H,
    settings: &Settings,
    behavior: &Behavior,
    (update, message): (&Update, &Message),
    clock: LateClock,
) -> Result<Vec<(i64, Message)>, MemoryError> {
    if !clock.is_late(message) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut files = usize::from(has_file(message));
    for waiting in host.list_waiting_messages(message.chat.id).await? {
        let Some(other) = waiting.message.filter(|_| waiting.update_id > update.update_id) else { continue };
        if super::topic(&other) != super::topic(message) || author(&other) != author(message) {
            continue;
        }
        files += usize::from(has_file(&other));
        // Parts of an album may still be missing if it is not late.
        let is_complete = other.media_group_id.is_none() || clock.is_late(&other);
        match intent(settings, behavior.access.groups, &other) {
            Some(Intent::Question) if is_complete && files <= FILES_MAX && found.len() + 1 < MESSAGES_MAX => {
                found.push((waiting.update_id, other));
            }
            // What is not for the assistant waits for a turn that passes it over.
            None => {}
            Some(_) => break,
        }
    }
    Ok(found)
}

fn author(message: &Message) -> (Option<i64>, Option<i64>) {
    (message.from.as_ref().map(|user| user.id), message.sender_chat.as_ref().map(|chat| chat.id))
}

fn has_file(message: &Message) -> bool {
    !message.photo.is_empty()
        || message.document.is_some()
        || message.voice.is_some()
        || message.audio.is_some()
        || message.video_note.is_some()
}
