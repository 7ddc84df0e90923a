//! The parameter `entities`, which bots can send instead of `parse_mode`.

use std::collections::HashSet;

use serde_json::Value;

use super::entities::{Parsed, utf16_len};

/// The kinds of entities that Telegram's type `MessageEntity` lists.
const KINDS: [&str; 20] = [
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
];

/// Validates a list of entities over a text. The error is Telegram's message. The rules follow `fix_entities` in TDLib's
/// `MessageEntity.cpp`.
pub(super) fn parse(text: &str, list: &Value) -> Result<Parsed, String> {
    let Some(list) = list.as_array() else {
        return Err("can't parse entities JSON object".to_owned());
    };
    let mut starts = HashSet::from([utf16_len(text)]);
    let mut at = 0;
    for c in text.chars() {
        starts.insert(at);
        at += c.len_utf16();
    }
    let mut entities = Vec::with_capacity(list.len());
    for entity in list {
        if check(entity, &starts, at)? {
            entities.push(entity.clone());
        }
    }
    Ok(Parsed { text: text.to_owned(), entities })
}

/// Checks one entity. Returns `false` if it is empty, which Telegram ignores.
fn check(entity: &Value, starts: &HashSet<usize>, end: usize) -> Result<bool, String> {
    let kind =
        entity["type"].as_str().ok_or("can't parse MessageEntity: Field \"type\" must be of type String")?;
    let number = |name: &str| {
        entity[name]
            .as_i64()
            .ok_or_else(|| format!("can't parse MessageEntity: Field \"{name}\" must be of type Number"))
    };
    let (offset, length) = (number("offset")?, number("length")?);
    if !KINDS.contains(&kind) {
        return Err("can't parse MessageEntity: Unsupported type specified".to_owned());
    }
    let needed = match kind {
        "text_link" => Some("url"),
        "text_mention" => Some("user"),
        "custom_emoji" => Some("custom_emoji_id"),
        "date_time" => Some("unix_time"),
        _ => None,
    };
    if let Some(name) = needed.filter(|name| entity.get(*name).is_none()) {
        return Err(format!("can't parse MessageEntity: Can't find field \"{name}\""));
    }
    let start =
        usize::try_from(offset).map_err(|_| format!("receive an entity with incorrect offset {offset}"))?;
    let length =
        usize::try_from(length).map_err(|_| format!("receive an entity with incorrect length {length}"))?;
    if length == 0 {
        return Ok(false);
    }
    let stop = start.saturating_add(length);
    if start > end {
        return Err(format!("entity begins after the end of the text at UTF-16 offset {start}"));
    }
    if stop > end {
        return Err(format!(
            "entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {stop}"
        ));
    }
    if !starts.contains(&start) {
        return Err(format!("entity begins in a middle of a UTF-16 symbol at UTF-16 offset {start}"));
    }
    if !starts.contains(&stop) {
        return Err(format!(
            "entity beginning at UTF-16 offset {start} ends in a middle of a UTF-16 symbol at UTF-16 offset {stop}"
        ));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entities_are_counted_in_utf16_units() {
        let bold = |offset: i64, length: i64| json!([{"type": "bold", "offset": offset, "length": length}]);
        let parsed = parse("😀 ok", &bold(3, 2)).unwrap();
        assert_eq!(parsed.entities, [json!({"type": "bold", "offset": 3, "length": 2})]);
        assert!(parse("x", &bold(0, 0)).unwrap().entities.is_empty());
        for broken in [
            bold(0, 6),
            bold(6, 1),
            bold(-1, 1),
            bold(1, 2),
            bold(0, 1),
            json!([{"type": "shout", "offset": 0, "length": 1}]),
            json!([{"type": "text_link", "offset": 0, "length": 2}]),
            json!([{"type": "bold", "offset": "0", "length": 2}]),
            json!({}),
        ] {
            assert!(parse("😀 ok", &broken).is_err(), "{broken}");
        }
    }
}
