//! A question for the model, from one message or from the parts of an album: its words, and what is attached.

use reef_protocols::model::{Attachment, Turn};
use reef_protocols::telegram::{Message, Update};

use super::media::{self, Problem};
use crate::host::{Host, MemoryError};
use crate::settings::Settings;
use crate::texts;

/// How much of a message that is replied to the model receives, in characters.
const QUOTED_CHARS_MAX: usize = 1_000;

/// The messages that a turn answers together.
pub(super) struct Question<'a> {
    /// The message that the turn is about, which gets the reply.
    message: &'a Message,
    /// The further parts of its album, with the updates that they arrived in.
    others: Vec<(i64, Message)>,
}

/// What the model receives.
pub(super) struct Prepared {
    /// The question in words, as the conversation remembers it.
    pub turn: Turn,
    /// The files for the model.
    pub attachments: Vec<Attachment>,
}

impl<'a> Question<'a> {
    /// Reads the parts of an album that have arrived with a message. The conversation gets one question for all of them.
    pub async fn read<H: Host>(host: &H, update: &Update, message: &'a Message) -> Result<Self, MemoryError> {
        let mut others = Vec::new();
        if let Some(media_group_id) = &message.media_group_id {
            for part in host.list_album_parts(message.chat.id, media_group_id).await? {
                if let Some(other) = part.message.filter(|_| part.update_id != update.update_id) {
                    others.push((part.update_id, other));
                }
            }
        }
        Ok(Self { message, others })
    }

    /// The other updates that the reply answers.
    pub fn covered_updates(&self) -> Vec<i64> {
        self.others.iter().map(|(update_id, _)| *update_id).collect()
    }

    fn messages(&self) -> impl Iterator<Item = &Message> {
        let others = self.others.iter().map(|(_, message)| message);
        // In the order in which they were sent.
        let mut all: Vec<_> = std::iter::once(self.message).chain(others).collect();
        all.sort_by_key(|message| message.message_id);
        all.into_iter()
    }

    /// Downloads what the model takes, and puts the question into words.
    pub async fn prepare<H: Host>(&self, host: &H, settings: &Settings) -> Result<Prepared, Problem> {
        let mut attachments = Vec::new();
        let mut pieces = Vec::new();
        for message in self.messages() {
            let label = texts::attachment_words(message);
            match media::read(host, settings, message).await? {
                media::Content::None => pieces.extend(label),
                media::Content::Words(words) => pieces.push(words),
                media::Content::File(file) => {
                    pieces.extend(label);
                    attachments.push(file);
                }
            }
        }
        let words: Vec<_> =
            self.messages().map(Message::text_or_caption).filter(|text| !text.is_empty()).collect();
        pieces.extend(words.iter().map(|text| (*text).to_owned()));
        let mut text = pieces.join(" ");
        if let Some(context) = self.context() {
            text = format!("{context}\n{text}");
        }
        if !self.message.chat.is_private() {
            text = format!("{}: {text}", self.message.author_name());
        }
        Ok(Prepared { turn: Turn::user(text), attachments })
    }

    /// The message that is replied to or was forwarded, in words.
    fn context(&self) -> Option<String> {
        if let Some(origin) = &self.message.forward_origin {
            return Some(format!("[forwarded from {}]", texts::origin_name(origin)));
        }
        let replied = self.message.reply_to_message.as_ref()?;
        let quoted = self.message.quote.as_ref().map(|quote| quote.text.as_str());
        let words = quoted.unwrap_or_else(|| replied.text_or_caption());
        let words: String = words.chars().take(QUOTED_CHARS_MAX).collect();
        let label = texts::attachment_words(replied).unwrap_or_default();
        let what = [label, words].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        (!what.is_empty()).then(|| format!("[in reply to {}: {what}]", replied.author_name()))
    }
}
