//! The parameter `entities`, which bots can send instead of `parse_mode`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::entities::{Parsed, utf16_len};
use super::nested_entities;

/// Telegram ignores the entities of a message beyond these.
const ENTITIES_MAX: usize = 100;

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
            entities.push(cleaned(entity));
        }
    }
    let mut entities = nested_entities::fix(entities);
    entities.truncate(ENTITIES_MAX);
    Ok(Parsed { text: text.to_owned(), entities })
}

/// Returns an entity with the fields that Telegram keeps.
fn cleaned(entity: &Value) -> Value {
    let extra = match entity["type"].as_str() {
        Some("text_link") => "url",
        Some("text_mention") => "user",
        Some("custom_emoji") => "custom_emoji_id",
        Some("date_time") => "unix_time",
        Some("pre") => "language",
        _ => "",
    };
    let mut clean = json!({"type": entity["type"], "offset": entity["offset"], "length": entity["length"]});
    let is_empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
    if let Some(value) = entity.get(extra).filter(|value| !is_empty(value)) {
        clean[extra] = value.clone();
    }
    clean
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
    if kind == "text_link" {
        let url = entity["url"].as_str().unwrap_or_default();
        check_url(url).map_err(|why| format!("Wrong message entity: {why}"))?;
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

/// Checks the address of a link as TDLib's `parse_url` does. Without a scheme, it is that of a web page.
fn check_url(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https", "tg", "ton", "tonsite"].contains(&scheme.as_str()) {
        return Err("Unsupported URL protocol");
    }
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    if port.parse::<u16>().map_or(true, |port| port == 0) {
        return Err("Wrong port number specified in the URL");
    }
    if host.is_empty() {
        return Err("URL host is empty");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=%".contains(c) || !c.is_ascii();
    if host == "." || !host.chars().all(fits) {
        return Err("Wrong URL host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_fields_and_a_hundred_entities_are_kept() {
        let link =
            json!({"type": "text_link", "offset": 0, "length": 1, "url": "https://e.org/", "language": "c"});
        let parsed = parse("ab", &json!([link])).unwrap();
        let kept = json!({"type": "text_link", "offset": 0, "length": 1, "url": "https://e.org/"});
        assert_eq!(parsed.entities, [kept]);
        let many: Vec<_> =
            (0..150).map(|at| json!({"type": "code", "offset": at * 2, "length": 1})).collect();
        assert_eq!(parse(&"x ".repeat(150), &json!(many)).unwrap().entities.len(), 100);
    }

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
            json!([{"type": "text_link", "offset": 0, "length": 2, "url": "javascript:alert(1)"}]),
            json!([{"type": "text_link", "offset": 0, "length": 2, "url": "/docs"}]),
            json!([{"type": "text_link", "offset": 0, "length": 2, "url": "ftp://e.org"}]),
        ] {
            assert!(parse("😀 ok", &broken).is_err(), "{broken}");
        }
    }
}
