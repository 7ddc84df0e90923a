//! The system prompt, and the replies that the assistant gives without the model.

use reef_protocols::model::{Answer, Turn};
use reef_protocols::telegram::Message;
use time::OffsetDateTime;

use crate::settings::Settings;

/// Returns the system prompt. `in_group` adds that several people write in the chat.
pub(crate) fn system_prompt(settings: &Settings, now_unix_ms: i64, in_group: bool) -> String {
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

/// Returns a person's message as a turn for the model: with a label for an attachment, and in groups with the author's
/// name.
pub(crate) fn question_turn(message: &Message, words: &str) -> Turn {
    let attached = message.attachment_label().map(|label| format!("[{label}] ")).unwrap_or_default();
    if message.chat.is_private() {
        Turn::user(format!("{attached}{words}"))
    } else {
        Turn::user(format!("{}: {attached}{words}", message.author_name()))
    }
}

/// Returns a sentence with the current date, or nothing if the clock is out of the calendar's range.
fn today(now_unix_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(now_unix_ms.div_euclid(1000)).map_or_else(
        |_| String::new(),
        |now| format!(" Today is {}, {} {} {} (UTC).", now.weekday(), now.day(), now.month(), now.year()),
    )
}

/// The reply to `/start`.
pub(crate) fn greeting(settings: &Settings) -> String {
    format!(
        "Hi, I'm {}. Send me a message and I'll reply. I remember our latest messages. Send /help to see what else I can do.",
        settings.name
    )
}

/// The reply to `/help`.
pub(crate) const HELP: &str = "Send me a message and I'll reply. I remember our latest messages.\n\n\
    /reset – start a new conversation\n\
    /help – show this message\n\n\
    In a group, mention me or reply to one of my messages. I can only read text.";

/// The reply to `/reset`.
pub(crate) const RESET_DONE: &str = "I've started a new conversation. What would you like to talk about?";

/// The reply to a command that does not exist.
pub(crate) const UNKNOWN_COMMAND: &str = "I don't know that command. Send /help to see what I can do.";

/// The reply to a photo, a voice message and the like without a caption.
pub(crate) const TEXT_ONLY: &str = "I can only read text. Could you describe what you sent?";

/// Returns the text of an answer as it is sent, with a note if the answer was truncated.
pub(crate) fn answer_text(answer: &Answer) -> String {
    if answer.is_truncated {
        format!("{}\n\n(This answer is incomplete. Send \"continue\" for the rest.)", answer.text)
    } else {
        answer.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_taken_from_clock() {
        assert_eq!(today(1_795_392_000_000), " Today is Monday, 23 November 2026 (UTC).");
        assert_eq!(today(i64::MAX), "");
    }
}
