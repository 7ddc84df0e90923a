//! The scripted model: a small assistant that knows Reef. It reads the whole conversation, so that the memory of an
//! assistant can be tested. Its phrases are listed in `docs/sandbox.md`.

mod instructions;
mod smalltalk;
mod texts;

use super::{
    conversation::{Conversation, Role},
    stream::Pace,
};
use instructions::Instructions;

/// The outcome of a completion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reply(String, Pace),
    /// The vendor fails after this part of the reply. Without a stream, that is an internal error.
    BreaksOff(String),
    /// The vendor fails with an internal error.
    InternalError,
    /// The vendor reports that the model is overloaded.
    Overloaded,
    /// The key is rate limited for [`RATE_LIMIT_RETRY_AFTER_S`].
    RateLimited,
    /// The key is rate limited until midnight UTC.
    DailyLimit,
    /// The vendor's own provider fails. Some vendors report that in a successful response.
    ProviderFailed,
    /// The model spends [`THINKING_TOKENS`] on thinking and then replies with this text, if the limit leaves room for it.
    Thinks(String),
}

impl Outcome {
    /// Turns [`Outcome::Thinks`] into a reply if the token limit is high enough, and waits for a slow reply and replaces
    /// one that breaks off if there is no stream.
    pub async fn settle(self, tokens_max: Option<i64>, streams: bool) -> Self {
        match self {
            Self::Thinks(text) if tokens_max.is_some_and(|tokens| tokens > THINKING_TOKENS) => {
                Self::Reply(text, Pace::Normal)
            }
            Self::BreaksOff(_) if !streams => Self::InternalError,
            Self::Reply(text, pace) => {
                if !streams {
                    pace.wait_for_whole().await;
                }
                Self::Reply(text, pace)
            }
            other => other,
        }
    }
}

/// The tokens that the reply to `overthink` spends on thinking.
const THINKING_TOKENS: i64 = 8_192;

/// The `Retry-After` of [`Outcome::RateLimited`], in seconds.
pub(super) const RATE_LIMIT_RETRY_AFTER_S: u32 = 2;

/// Returns the seconds until midnight UTC, when [`Outcome::DailyLimit`] ends.
pub(super) fn seconds_to_midnight(now_ms: i64) -> u32 {
    const DAY_S: i64 = 86_400;
    u32::try_from(DAY_S - now_ms.div_euclid(1000).rem_euclid(DAY_S)).unwrap_or(1)
}

/// Returns the reply to a conversation. The first word of the last message can select a special outcome.
pub(super) fn next_outcome(conversation: &Conversation) -> Outcome {
    let last = conversation.last_user().map_or("", |turn| turn.text.trim());
    let lower = last.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let instructions = Instructions::of(&conversation.system);
    let reply = |text: &str| Outcome::Reply(instructions.apply(text), Pace::Normal);
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("fail", "halfway") => Outcome::BreaksOff(texts::HALF_ANSWER.to_owned()),
        ("fail", _) => Outcome::InternalError,
        ("overloaded", _) => Outcome::Overloaded,
        ("limit", _) => Outcome::RateLimited,
        ("daily", _) => Outcome::DailyLimit,
        ("network", _) => Outcome::ProviderFailed,
        ("overthink", _) => Outcome::Thinks(format!("I thought about “{last}” for long.")),
        ("long", _) => reply(&texts::long_reply()),
        ("markdown", _) => reply(texts::BROKEN_MARKDOWN),
        ("slow", _) => {
            let text =
                format!("That took a while, but here it is, word by word: “{last}”. Good things take time.");
            Outcome::Reply(instructions.apply(&text), Pace::Slow)
        }
        _ => reply(&answer(conversation, &instructions, last, &lower)),
    }
}

/// Finds the first script that knows an answer. The last one knows one to everything.
fn answer(conversation: &Conversation, instructions: &Instructions, last: &str, lower: &str) -> String {
    if lower.contains("write a long answer") {
        return texts::long_reply();
    }
    if lower.contains("show markdown") {
        return texts::MARKDOWN.to_owned();
    }
    if lower.contains("your instructions") {
        return instructions.recite();
    }
    describe_attachments(conversation)
        .or_else(|| count(lower))
        .or_else(|| recall(conversation, last, lower))
        .or_else(|| smalltalk::reply(lower, instructions.language()))
        .unwrap_or_else(|| smalltalk::fallback(last, instructions.language()))
}

/// Describes everything that the last message shows. Its text is repeated, because it is usually a question about it.
fn describe_attachments(conversation: &Conversation) -> Option<String> {
    let turn = conversation.last_user().filter(|turn| !turn.attachments.is_empty())?;
    let shown: Vec<_> = turn.attachments.iter().map(|shown| format!("- {}", shown.describe())).collect();
    let asked = match turn.text.trim() {
        "" => "Here is what I see".to_owned(),
        text => format!("You asked “{text}”, and here is what I see"),
    };
    Some(format!("{asked}:\n{}", shown.join("\n")))
}

/// Counts, for a long answer that shows at a glance whether anything is missing.
fn count(lower: &str) -> Option<String> {
    const COUNT_MAX: u32 = 3_000;
    let (_, rest) = lower.split_once("count to ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let last: u32 = digits.parse().ok().filter(|last| *last > 0)?;
    let numbers: Vec<_> = (1..=last.min(COUNT_MAX)).map(|number| number.to_string()).collect();
    Some(numbers.join(", ") + ".")
}

/// Answers from what was said before.
fn recall(conversation: &Conversation, last: &str, lower: &str) -> Option<String> {
    if lower.contains("what is my name") || lower.contains("what's my name") {
        return Some(match find_name(conversation) {
            Some(name) => format!("Your name is {name}."),
            None => "I don't know your name yet. Say: my name is …".to_owned(),
        });
    }
    if lower.contains("what did i say") {
        let mut earlier = conversation.turns.iter().rev().filter(|turn| turn.role == Role::User).skip(1);
        return Some(match earlier.next() {
            Some(turn) => format!("Before that, you said: “{}”.", turn.text.trim()),
            None => "That was the first thing you said.".to_owned(),
        });
    }
    parse_name(last).map(|name| format!("Nice to meet you, {name}. I'll remember your name."))
}

/// Returns the name that was given last, in a message or in what the assistant remembers.
fn find_name(conversation: &Conversation) -> Option<String> {
    let said = conversation.turns.iter().rev().filter(|turn| turn.role == Role::User);
    said.map(|turn| turn.text.as_str())
        .chain([conversation.system.as_str()])
        .find_map(|text| parse_name(text).or_else(|| parse_name_after(text, "'s name is ")))
}

fn parse_name(text: &str) -> Option<String> {
    parse_name_after(text, "my name is ")
}

fn parse_name_after(text: &str, before: &str) -> Option<String> {
    // Lower-casing ASCII letters keeps the byte offsets of `text` valid.
    let at = text.to_ascii_lowercase().find(before)? + before.len();
    let name: String = text[at..]
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '\''))
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
