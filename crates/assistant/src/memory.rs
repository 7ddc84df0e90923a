//! What is remembered of a chat, and what of it the model is shown.

use serde::{Deserialize, Serialize};

/// How many turns (questions and answers counted apart) are loaded: twenty exchanges are more than people refer back
/// to in a chat, and the read stays small however old the chat is.
pub const MEMORY_TURNS_MAX: usize = 40;

/// How many characters of memory go to the model: about 6,000 tokens of English and at most some 24,000 of any
/// script, so that memory, question and answer fit a 32k context, the smallest still on offer, and a turn's cost
/// stays bounded.
pub const MEMORY_CHARS_MAX: usize = 24_000;

/// How many characters of a single turn: else one long answer would push all the rest out of the memory.
pub const TURN_CHARS_MAX: usize = 8_000;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person in the chat.
    User,
    /// The assistant.
    Assistant,
}

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// The words.
    pub text: String,
}

impl Turn {
    /// What a person said.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// What the assistant said.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, text: text.into() }
    }
}

/// What a reply does to the memory of its chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryChange {
    /// Nothing: a command's answer, an apology.
    Keep,
    /// Adds these turns of this chat, in this order.
    Append {
        /// The chat.
        chat_id: i64,
        /// The question and its answer.
        turns: Vec<Turn>,
    },
    /// Forgets everything said in this chat.
    Forget {
        /// The chat.
        chat_id: i64,
    },
}

/// A reply on its way: where it goes, its parts, and how far it has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The chat.
    pub chat_id: i64,
    /// The topic of a forum.
    pub thread_id: Option<i64>,
    /// The message that is answered, in groups, so that it is clear whose.
    pub reply_to: Option<i64>,
    /// The messages, in order.
    pub parts: Vec<Part>,
    /// How many of them have been sent: [`crate::Host::mark_sent`] with index `i` makes this `i + 1`.
    pub sent: usize,
}

/// One part of an album, as far as the answer to another part depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlbumPart {
    /// Its update.
    pub update_id: i64,
    /// Whether words are below it that still wait for an answer.
    pub has_words: bool,
    /// Whether something has been sent in answer to it.
    pub is_answered: bool,
}

/// One message of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The text as written, before any rendering; never blank, at most [`crate::MESSAGE_UNITS_MAX`] UTF-16 units.
    pub text: String,
    /// How it is to be read.
    pub style: Style,
}

/// How a part's text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As it stands.
    Plain,
    /// Markdown.
    Markdown,
    /// Markdown that begins inside a code block which an earlier part opened.
    MarkdownInCode,
}

/// The newest of `turns` (oldest first) that fit the budget, each cut to [`TURN_CHARS_MAX`], beginning with what a
/// person said, because providers refuse a conversation that the assistant begins.
pub fn window(turns: &[Turn]) -> Vec<Turn> {
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
    fn the_window_keeps_the_newest_within_the_budget_and_begins_with_a_person() {
        let exchange = |i: usize| [Turn::user(format!("q{i}")), Turn::assistant("a".repeat(7_000))];
        let turns: Vec<_> = (0..10).flat_map(exchange).collect();
        let kept = window(&turns);
        assert_eq!(kept.first(), Some(&Turn::user("q7")));
        assert_eq!(kept.len(), 6);
        assert!(kept.iter().map(|turn| turn.text.len()).sum::<usize>() <= MEMORY_CHARS_MAX);
    }

    #[test]
    fn one_long_answer_is_cut_and_does_not_empty_the_memory() {
        let kept = window(&[Turn::user("q"), Turn::assistant("é".repeat(50_000))]);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1].text.chars().count(), TURN_CHARS_MAX);
    }

    #[test]
    fn the_number_of_turns_is_bounded_too() {
        let turns: Vec<_> = (0..100).flat_map(|_| [Turn::user("q"), Turn::assistant("a")]).collect();
        assert_eq!(window(&turns).len(), MEMORY_TURNS_MAX);
    }
}
