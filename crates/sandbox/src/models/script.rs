//! The scripted model. It reads the whole conversation, so that the memory of an assistant can be tested.

use std::time::Duration;

/// The delay of the reply to `slow`.
const SLOW_DELAY: Duration = Duration::from_secs(5);
/// The approximate length of the reply to `long`.
const LONG_CHARS: usize = 9_000;
/// The approximate number of characters per token.
const TOKEN_CHARS: usize = 4;
/// The characters of one streamed chunk.
const CHUNK_CHARS: usize = 40;

/// The author of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub role: Role,
    pub text: String,
}

/// The outcome of a completion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reply(String),
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
    /// Turns [`Outcome::Thinks`] into a reply if the token limit is high enough.
    pub fn within_limit(self, tokens_max: Option<i64>) -> Self {
        match self {
            Self::Thinks(text) if tokens_max.is_some_and(|tokens| tokens > THINKING_TOKENS) => {
                Self::Reply(text)
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
pub(super) async fn next_outcome(conversation: &[Turn]) -> Outcome {
    let last = conversation.iter().rfind(|turn| turn.role == Role::User).map_or("", |turn| turn.text.trim());
    let first_word =
        last.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_ascii_lowercase();
    match first_word.as_str() {
        "fail" => Outcome::InternalError,
        "overloaded" => Outcome::Overloaded,
        "limit" => Outcome::RateLimited,
        "daily" => Outcome::DailyLimit,
        "network" => Outcome::ProviderFailed,
        "overthink" => Outcome::Thinks(format!("I thought about that for long. You said: {last}")),
        "long" => Outcome::Reply(long_reply()),
        "markdown" => Outcome::Reply(BROKEN_MARKDOWN.to_owned()),
        "slow" => {
            tokio::time::sleep(SLOW_DELAY).await;
            Outcome::Reply(format!("That took a while. You said: {last}"))
        }
        _ => Outcome::Reply(reply(conversation, last)),
    }
}

/// Formatting that strict parsers reject: an unbalanced asterisk, half a tag, an open code fence.
const BROKEN_MARKDOWN: &str = "Here is *bold without an end, a <b tag, snake_case_words, [a link](without an end and **half\n\n\
     ```rust\nlet x = \"<i>unclosed</i>\" & 1;\n\nThat is all.";

fn reply(conversation: &[Turn], last: &str) -> String {
    let asked = last.to_lowercase();
    if asked.contains("what is my name") || asked.contains("what's my name") {
        return match find_name(conversation) {
            Some(name) => format!("Your name is {name}."),
            None => "I don't know your name yet. Tell me: my name is …".to_owned(),
        };
    }
    match parse_name(last) {
        Some(name) => format!("Nice to meet you, {name}. You said: {last}"),
        None => format!("You said: {last}"),
    }
}

/// Returns the name that was given last.
fn find_name(conversation: &[Turn]) -> Option<String> {
    conversation.iter().rev().filter(|turn| turn.role == Role::User).find_map(|turn| parse_name(&turn.text))
}

fn parse_name(text: &str) -> Option<String> {
    const BEFORE: &str = "my name is ";
    // Lower-casing ASCII letters keeps the byte offsets of `text` valid.
    let at = text.to_ascii_lowercase().find(BEFORE)? + BEFORE.len();
    let name: String = text[at..]
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '\''))
        .collect();
    (!name.is_empty()).then_some(name)
}

fn long_reply() -> String {
    let mut text = String::with_capacity(LONG_CHARS + 400);
    let mut paragraph = 0;
    while text.len() < LONG_CHARS {
        paragraph += 1;
        text.push_str(&format!("Paragraph {paragraph}. "));
        for sentence in 1..=6 {
            text.push_str(&format!(
                "This is sentence {sentence} of a long answer about the sea, its tides and its reefs. "
            ));
        }
        text.truncate(text.trim_end().len());
        text.push_str("\n\n");
    }
    text.push_str("That is the end of the long answer.");
    text
}

/// Estimates the tokens of a text, which are at least one.
pub(super) fn tokens(text: &str) -> i64 {
    i64::try_from(text.chars().count().div_ceil(TOKEN_CHARS).max(1)).unwrap_or(i64::MAX)
}

/// Estimates the tokens of a conversation.
pub(super) fn prompt_tokens(conversation: &[Turn]) -> i64 {
    conversation.iter().map(|turn| tokens(&turn.text) + 4).sum()
}

/// Truncates a reply to the token limit. Returns whether anything was removed.
pub(super) fn truncate(text: String, tokens_max: Option<i64>) -> (String, bool) {
    let Some(chars_max) =
        tokens_max.and_then(|max| usize::try_from(max).ok()).map(|max| max.saturating_mul(TOKEN_CHARS))
    else {
        return (text, false);
    };
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => (text[..at].to_owned(), true),
        None => (text, false),
    }
}

/// Splits a reply into the chunks of a stream.
pub(super) fn chunks(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(CHUNK_CHARS).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Turn {
        Turn { role: Role::User, text: text.to_owned() }
    }

    #[tokio::test]
    async fn replies_depend_on_the_conversation() {
        let says = |text: &str| Outcome::Reply(text.to_owned());
        let known = [user("Hi, My Name Is Zoë-Ann."), user("what is my name?")];
        assert_eq!(next_outcome(&known).await, says("Your name is Zoë-Ann."));
        assert!(
            matches!(next_outcome(&known[1..]).await, Outcome::Reply(text) if text.contains("don't know"))
        );
        assert_eq!(next_outcome(&[user("hello")]).await, says("You said: hello"));
        assert_eq!(next_outcome(&[user("Fail, please")]).await, Outcome::InternalError);
        let Outcome::Reply(long) = next_outcome(&[user("long")]).await else { panic!("long answers") };
        assert!((9_000..10_000).contains(&long.len()) && long.contains("\n\n"));
    }
}
