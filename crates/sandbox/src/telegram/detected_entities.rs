//! Detection of the entities that Telegram adds to the messages of people: commands and mentions.

use serde_json::{Value, json};

use super::entities::utf16_len;

/// Returns the entities of a text, in order. The rules follow `match_bot_commands` and `match_mentions` in TDLib's
/// `MessageEntity.cpp`, where for example `/etc` in `/etc/passwd` is not a command.
pub(super) fn detect(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(step) = text[from..].find(['/', '@']) {
        let at = from + step;
        let (kind, length) = if text[at..].starts_with('/') {
            ("bot_command", command_length(text, at))
        } else {
            ("mention", mention_length(text, at))
        };
        match length {
            Some(length) => {
                found.push(json!({"type": kind, "offset": utf16_len(&text[..at]), "length": length}));
                from = at + length;
            }
            None => from = at + 1,
        }
    }
    found
}

/// Returns the length of the command whose slash is at `at`.
fn command_length(text: &str, at: usize) -> Option<usize> {
    let is_barred = |c: Option<char>| c.is_some_and(|c| is_word(c) || matches!(c, '/' | '<' | '>'));
    if is_barred(text[..at].chars().next_back()) {
        return None;
    }
    let name = name_length(&text[at + 1..]);
    if !(1..=64).contains(&name) {
        return None;
    }
    let mut length = 1 + name;
    if text[at + length..].starts_with('@') {
        let bot = name_length(&text[at + length + 1..]);
        if !(3..=32).contains(&bot) {
            return None;
        }
        length += 1 + bot;
    }
    (!is_barred(text[at + length..].chars().next())).then_some(length)
}

/// Returns the length of the mention whose at sign is at `at`.
fn mention_length(text: &str, at: usize) -> Option<usize> {
    if text[..at].chars().next_back().is_some_and(is_word) {
        return None;
    }
    let name = name_length(&text[at + 1..]);
    let is_whole = !text[at + 1 + name..].chars().next().is_some_and(is_word);
    ((2..=32).contains(&name) && is_whole).then_some(1 + name)
}

/// Returns the length of the name at the beginning of a text. Each of its characters is one byte and one UTF-16 unit.
fn name_length(text: &str) -> usize {
    text.bytes().take_while(|c| c.is_ascii_alphanumeric() || *c == b'_').count()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_mentions_are_detected_as_telegram_does() {
        let long = format!("/{}", "a".repeat(65));
        for (text, expected) in [
            ("/start", vec![("bot_command", 0, 6)]),
            ("/start@ada_bot now", vec![("bot_command", 0, 14)]),
            ("/start, please", vec![("bot_command", 0, 6)]),
            ("😀 /help", vec![("bot_command", 3, 5)]),
            ("/a /b", vec![("bot_command", 0, 2), ("bot_command", 3, 2)]),
            ("hey @ada_bot!", vec![("mention", 4, 8)]),
            ("(@ada_bot)", vec![("mention", 1, 8)]),
            ("/etc/passwd: what is this file for?", vec![]),
            ("a/b and </b> and //c", vec![]),
            ("1 / 2", vec![]),
            ("é/start /é /x@y", vec![]),
            ("ann@example.com @x", vec![]),
            ("/", vec![]),
            (&long, vec![]),
        ] {
            let found: Vec<_> = detect(text);
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(kind, offset, length)| json!({"type": kind, "offset": offset, "length": length}))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
