//! A question for the model, from one message, the parts of an album, or all that has waited: its words, and what is attached.

use reef_domain::settings::Settings as Behavior;
use reef_protocols::model::{Attachment, Turn};
use reef_protocols::telegram::{Message, Update};

use super::late::{self, LateClock};
use super::media::{self, Problem};
use crate::host::{Host, MemoryError};
use crate::settings::Settings;
use crate::texts;

/// How much of a message that is replied to the model receives, in characters.
const QUOTED_CHARS_MAX: usize = 1_000;

/// What the model receives in place of a file that it cannot be given.
const UNREADABLE: &str = "[could not be read]";

/// The messages that a turn answers together.
pub(super) struct Question<'a> {
    /// The message that the turn is about, which gets the reply.
    message: &'a Message,
    /// The further parts of its album and the messages that have waited behind it, with the updates that they arrived in.
    others: Vec<(i64, Message)>,
    clock: LateClock,
}

/// What the model receives.
pub(super) struct Prepared {
    /// The question in words, as the conversation remembers it.
    pub turn: Turn,
    /// The files for the model.
    pub attachments: Vec<Attachment>,
}

impl<'a> Question<'a> {
    /// Reads the parts of an album that have arrived with a message, and what has waited behind it if it is late. The
    /// conversation gets one question for all of them.
    pub async fn read<H: Host>(
        host: &H,
        settings: &Settings,
        behavior: &Behavior,
        update: &Update,
        message: &'a Message,
    ) -> Result<Self, MemoryError> {
        let clock = LateClock::new(host, behavior);
        let mut others = late::waiting_messages(host, settings, behavior, (update, message), clock).await?;
        if let Some(media_group_id) = &message.media_group_id {
            for part in host.list_album_parts(message.chat.id, media_group_id).await? {
                let is_new = part.update_id != update.update_id
                    && others.iter().all(|(update_id, _)| *update_id != part.update_id);
                if let Some(other) = part.message.filter(|_| is_new) {
                    others.push((part.update_id, other));
                }
            }
        }
        Ok(Self { message, others, clock })
    }

    /// The other updates that the reply answers.
    pub fn covered_updates(&self) -> Vec<i64> {
        self.others.iter().map(|(update_id, _)| *update_id).collect()
    }

    /// The messages in the order in which they were sent, the parts of an album together.
    fn messages(&self) -> Vec<Vec<&Message>> {
        let others = self.others.iter().map(|(_, message)| message);
        let mut all: Vec<_> = std::iter::once(self.message).chain(others).collect();
        all.sort_by_key(|message| message.message_id);
        let mut grouped: Vec<Vec<&Message>> = Vec::new();
        for message in all {
            let album = grouped.iter_mut().find(|parts| {
                message.media_group_id.is_some() && parts[0].media_group_id == message.media_group_id
            });
            match album {
                Some(parts) => parts.push(message),
                None => grouped.push(vec![message]),
            }
        }
        grouped
    }

    /// Downloads what the model takes, and puts the question into words.
    pub async fn prepare<H: Host>(&self, host: &H, settings: &Settings) -> Result<Prepared, Problem> {
        let mut attachments = Vec::new();
        let mut texts = Vec::new();
        let grouped = self.messages();
        for parts in &grouped {
            let mut pieces = Vec::new();
            for message in parts {
                let label = texts::attachment_words(message);
                match media::read(host, settings, message).await {
                    Ok(media::Content::None) => pieces.extend(label),
                    Ok(media::Content::Words(words)) => pieces.push(words),
                    Ok(media::Content::File(file)) => {
                        pieces.extend(label);
                        attachments.push(file);
                    }
                    // The other messages that have waited are answered all the same.
                    Err(Problem::Sentence(_)) if grouped.len() > 1 => {
                        pieces.extend(label);
                        pieces.push(UNREADABLE.to_owned());
                    }
                    Err(problem) => return Err(problem),
                }
            }
            let words = parts.iter().map(|part| part.text_or_caption()).filter(|text| !text.is_empty());
            pieces.extend(words.map(str::to_owned));
            pieces.splice(..0, self.clock.mark(parts[0]));
            let text = pieces.join(" ");
            texts.push(match context(parts[0]) {
                Some(context) => format!("{context}\n{text}"),
                None => text,
            });
        }
        let mut text = texts.join("\n");
        if !self.message.chat.is_private() {
            text = format!("{}: {text}", self.message.author_name());
        }
        Ok(Prepared { turn: Turn::user(text), attachments })
    }
}

/// The message that is replied to or was forwarded, in words.
fn context(message: &Message) -> Option<String> {
    if let Some(origin) = &message.forward_origin {
        return Some(format!("[forwarded from {}]", texts::origin_name(origin)));
    }
    let replied = message.reply_to_message.as_ref()?;
    let quoted = message.quote.as_ref().map(|quote| quote.text.as_str());
    let words = quoted.unwrap_or_else(|| replied.text_or_caption());
    let words: String = words.chars().take(QUOTED_CHARS_MAX).collect();
    let label = texts::attachment_words(replied).unwrap_or_default();
    let what = [label, words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    (!what.is_empty()).then(|| format!("[in reply to {}: {what}]", replied.author_name()))
}
