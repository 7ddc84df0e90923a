//! The assistant's own words: what it is told about itself, and what it says without the model.

use time::OffsetDateTime;

use crate::memory::Turn;
use crate::model::Answer;
use crate::settings::Settings;
use crate::telegram::Message;

/// What the model is told before the conversation.
pub(crate) fn system(settings: &Settings, now_unix_ms: i64, in_group: bool) -> String {
    let name = &settings.name;
    let today = today(now_unix_ms);
    let group = if in_group {
        " Several people talk in this chat: each of their messages begins with its author's name."
    } else {
        ""
    };
    format!(
        "You are {name}, an assistant that people talk to in Telegram.{today}{group}\n\
         Answer in the language of the person who writes. Answer briefly unless asked for more: it is a chat. \
         You may use simple Markdown: bold, italic, code, links and lists, but no tables, images or HTML. \
         You read text only: where a message begins with a word in brackets, such as [photo], something was attached that \
         you cannot see or hear, so go by the words. If you do not know something, say so."
    )
}

/// What a person said, as the model is shown it: in groups with the author's name, and with a word on what was attached.
pub(crate) fn question(message: &Message, words: &str) -> Turn {
    let attached = message.attachment().map(|label| format!("[{label}] ")).unwrap_or_default();
    if message.chat.is_private() {
        Turn::user(format!("{attached}{words}"))
    } else {
        Turn::user(format!("{}: {attached}{words}", message.author_name()))
    }
}

/// A clock out of the calendar's range leaves the sentence out.
fn today(now_unix_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(now_unix_ms.div_euclid(1000)).map_or_else(
        |_| String::new(),
        |now| format!(" Today is {}, {} {} {} (UTC).", now.weekday(), now.day(), now.month(), now.year()),
    )
}

/// The answer to `/start`.
pub(crate) fn greeting(settings: &Settings) -> String {
    format!(
        "Hello, I am {}. Write me anything and I will answer; I remember what we talked about. \
         /help says what else I can do.",
        settings.name
    )
}

/// The answer to `/help`.
pub(crate) const HELP: &str = "Write me a message and I will answer. I remember our latest messages.\n\n\
    /reset – forget our conversation and begin anew\n\
    /help – this text\n\n\
    In a group, mention me or reply to one of my messages. I read text only.";

/// The answer to `/reset`.
pub(crate) const FORGOTTEN: &str = "Done: I have forgotten our conversation. What shall we talk about?";

/// The answer to a command that does not exist.
pub(crate) const UNKNOWN_COMMAND: &str = "I do not know this command. /help says what I can do.";

/// The answer to a photo, a voice message and the like.
pub(crate) const TEXT_ONLY: &str =
    "Thank you, but I can only read text so far. Could you tell me in words what it is about?";

/// The model's words as they are sent.
pub(crate) fn answer_text(answer: &Answer) -> String {
    if answer.is_cut {
        format!("{}\n\n(This answer is incomplete. Write \"go on\" for the rest.)", answer.text)
    } else {
        answer.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_the_clocks() {
        assert_eq!(today(1_795_392_000_000), " Today is Monday, 23 November 2026 (UTC).");
        assert_eq!(today(i64::MAX), "");
    }
}
