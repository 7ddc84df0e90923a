//! The conversation of a chat: its turns, how a reply changes it, and how much of it the model receives.

use reef_protocols::model::{Role, Turn};
use reef_protocols::telegram::{Message, TextEntity};
use serde::{Deserialize, Serialize};

/// How many turns are loaded; a question and its answer are two. Twenty exchanges are more than people refer back to in
/// a chat, and the limit keeps the query small in old chats.
pub const MEMORY_TURNS_MAX: usize = 40;

/// How many characters of the conversation the model receives. They are about 6,000 tokens of English and at most about
/// 24,000 in any script, so that conversation, question and answer fit into a context of 32k tokens, the smallest that
/// is still offered. The limit also bounds the cost of a turn.
pub const MEMORY_CHARS_MAX: usize = 24_000;

/// How many characters of a single turn the model receives, so that one long answer does not displace all other turns.
pub const TURN_CHARS_MAX: usize = 8_000;

/// How a reply changes the conversation of its chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryChange {
    /// Changes nothing, as for the reply to a command or an apology.
    Keep,
    /// Appends turns to the conversation.
    Append {
        /// Which conversation.
        conversation: Conversation,
        /// The question and its answer, in this order.
        turns: Vec<Turn>,
    },
    /// Remembers something beyond the recent turns.
    Remember {
        /// Which conversation.
        conversation: Conversation,
        /// What to remember, at most [`FACT_CHARS_MAX`] characters.
        text: String,
    },
    /// Forgets what was remembered with an id from [`crate::Host::list_facts`].
    ForgetFact {
        /// Which conversation.
        conversation: Conversation,
        /// The id of the fact.
        id: String,
    },
    /// Erases a person's private chat: its turns and its facts, and who they are.
    ForgetPerson {
        /// The person's id at Telegram, which is also the id of the private chat.
        telegram_user_id: i64,
    },
    /// Deletes all turns of the conversation.
    Forget {
        /// Which conversation.
        conversation: Conversation,
    },
}

/// The maximum length of a fact, in characters.
pub const FACT_CHARS_MAX: usize = 500;

/// How many facts a conversation has at most. All of them are part of each request to the model.
pub const FACTS_MAX: usize = 50;

/// Something that the assistant was asked to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The id of the fact.
    pub id: String,
    /// What to remember.
    pub text: String,
}

/// A conversation: that of a chat, or of one topic of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Conversation {
    /// The chat.
    pub chat_id: i64,
    /// The topic; 0 outside topics.
    pub thread_id: i64,
}

/// A reply that is being sent: its destination, its parts, and how many of them have been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The chat that the reply is sent to.
    pub chat_id: i64,
    /// The topic of the forum, if the chat is one.
    pub thread_id: Option<i64>,
    /// The message that is answered. It is set only in groups, where several people write.
    pub reply_to: Option<i64>,
    /// The messages in the order in which they are sent.
    pub parts: Vec<Part>,
    /// The other updates that this answers: the parts of an album.
    #[serde(default)]
    pub covers: Vec<i64>,
    /// The message that has shown the beginning of the answer while it was written. The first part replaces its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<i64>,
    /// How many parts have been sent: [`crate::Host::record_part_sent`] with index `i` sets this to `i + 1`.
    pub sent: usize,
}

/// A message that may be answered together with another one of its chat: a part of its album, or one that waits behind it.
#[derive(Debug, Clone)]
pub struct AlbumPart {
    /// The update that the message arrived in.
    pub update_id: i64,
    /// The message; `None` once it is answered.
    pub message: Option<Message>,
}

/// One message of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The text; never blank, at most 4,096 UTF-16 units.
    pub text: String,
    /// How the text is rendered.
    pub style: Style,
    /// The formatting of a [`Style::Plain`] text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<TextEntity>,
}

/// How the text of a part is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// The text is sent as it is, with its entities.
    Plain,
    /// The text is Markdown. Parts are rendered before they are saved, but earlier versions of Reef have saved such ones.
    Markdown,
    /// As [`Self::Markdown`], and the text begins inside a code block which an earlier part opened.
    MarkdownInCode,
}

/// Returns the newest of `turns` that fit into [`MEMORY_TURNS_MAX`] and [`MEMORY_CHARS_MAX`], each truncated to
/// [`TURN_CHARS_MAX`]. Both lists are oldest first. The result begins with a person's turn, because providers reject a
/// conversation that begins with the assistant's.
pub fn recent_window(turns: &[Turn]) -> Vec<Turn> {
    let mut left = MEMORY_CHARS_MAX;
    let mut kept: Vec<Turn> = turns
        .iter()
        .rev()
        .take(MEMORY_TURNS_MAX)
        .map(|turn| Turn { role: turn.role, text: turn.text.chars().take(TURN_CHARS_MAX).collect() })
        .take_while(|turn| {
            let rest = left.checked_sub(turn.text.chars().count());
            left = rest.unwrap_or(0);
            rest.is_some()
        })
        .collect();
    while kept.last().is_some_and(|turn| turn.role == Role::Assistant) {
        kept.pop();
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_keeps_newest_turns_and_begins_with_person() {
        let exchange = |i: usize| [Turn::user(format!("q{i}")), Turn::assistant("a".repeat(7_000))];
        let turns: Vec<_> = (0..10).flat_map(exchange).collect();
        let kept = recent_window(&turns);
        assert_eq!(kept.first(), Some(&Turn::user("q7")));
        assert_eq!(kept.len(), 6);
        assert!(kept.iter().map(|turn| turn.text.len()).sum::<usize>() <= MEMORY_CHARS_MAX);
    }

    #[test]
    fn long_turn_is_truncated() {
        let kept = recent_window(&[Turn::user("q"), Turn::assistant("é".repeat(50_000))]);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1].text.chars().count(), TURN_CHARS_MAX);
    }

    #[test]
    fn number_of_turns_is_limited() {
        let turns: Vec<_> = (0..100).flat_map(|_| [Turn::user("q"), Turn::assistant("a")]).collect();
        assert_eq!(recent_window(&turns).len(), MEMORY_TURNS_MAX);
    }
}
