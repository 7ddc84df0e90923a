//! Parsing of `parse_mode` HTML, with the tags and error messages of Telegram's own parser.

use serde_json::{Value, json};

/// A text and its entities, whose offsets are in UTF-16 units.
#[derive(Debug, PartialEq)]
pub(super) struct Parsed {
    pub text: String,
    pub entities: Vec<Value>,
}

impl Parsed {
    pub fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), entities: Vec::new() }
    }

    /// Trims white space, at the beginning only up to the first entity. Entities are shifted, and those that become empty are
    /// removed.
    pub fn trimmed(self) -> Self {
        let first = self.entities.iter().map(|entity| read_number(entity, "offset")).min();
        let mut units = 0;
        let is_blank = |(_, c): &(usize, char)| {
            let is_before = first.is_none_or(|first| units < first);
            units += c.len_utf16();
            c.is_whitespace() && is_before
        };
        let blank = self.text.char_indices().take_while(is_blank).last();
        let start = blank.map_or(0, |(at, c)| at + c.len_utf8());
        let cut = utf16_len(&self.text[..start]);
        let text = self.text[start..].trim_end().to_owned();
        let end = utf16_len(&text);
        let entities = self.entities.into_iter().filter_map(|mut entity| {
            let from = read_number(&entity, "offset").saturating_sub(cut);
            let to = (read_number(&entity, "offset") + read_number(&entity, "length"))
                .saturating_sub(cut)
                .min(end);
            entity["offset"] = json!(from);
            entity["length"] = json!(to.saturating_sub(from));
            (to > from).then_some(entity)
        });
        Self { entities: entities.collect(), text }
    }
}

fn read_number(entity: &Value, field: &str) -> usize {
    entity[field].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// Returns the length in UTF-16 units.
pub(super) fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Renders an entity over `text[from..]`, or `None` if that is empty.
pub(super) fn entity(kind: &str, text: &str, from: usize, extra: Option<(&str, String)>) -> Option<Value> {
    let (offset, length) = (utf16_len(&text[..from]), utf16_len(&text[from..]));
    let mut entity = json!({"type": kind, "offset": offset, "length": length});
    if let Some((name, value)) = extra {
        entity[name] = json!(value);
    }
    (length > 0).then_some(entity)
}

struct OpenTag {
    tag: String,
    kind: &'static str,
    extra: Option<(&'static str, String)>,
    from: usize,
}

/// Parses Telegram's HTML. The error completes Telegram's message `can't parse entities: …`.
pub(super) fn parse_html(source: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed { text: String::with_capacity(source.len()), entities: Vec::new() };
    let mut open: Vec<OpenTag> = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        match c {
            '<' if source[at..].starts_with("</") => at = close_tag(source, at, &mut open, &mut parsed)?,
            '<' => at = open_tag(source, at, &mut open, parsed.text.len())?,
            '&' => {
                let (decoded, length) = decode_character(&source[at..]);
                parsed.text.push(decoded);
                at += length;
            }
            _ => {
                parsed.text.push(c);
                at += c.len_utf8();
            }
        }
    }
    if let Some(tag) = open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", tag.tag));
    }
    Ok(parsed)
}

fn open_tag(source: &str, at: usize, open: &mut Vec<OpenTag>, from: usize) -> Result<usize, String> {
    let Some(length) = source[at..].find('>') else {
        return Err(format!("Unclosed start tag at byte offset {at}"));
    };
    let inside = source[at + 1..at + length].trim();
    let (name, attributes) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let tag = name.to_ascii_lowercase();
    let kind = match tag.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "u" | "ins" => "underline",
        "s" | "strike" | "del" => "strikethrough",
        "tg-spoiler" => "spoiler",
        "span" if attribute(attributes, "class").as_deref() == Some("tg-spoiler") => "spoiler",
        "span" => return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {at}")),
        "a" => "text_link",
        "code" => "code",
        "pre" => "pre",
        "blockquote" if attributes.contains("expandable") => "expandable_blockquote",
        "blockquote" => "blockquote",
        "tg-emoji" => "custom_emoji",
        _ => return Err(format!("Unsupported start tag \"{tag}\" at byte offset {at}")),
    };
    let extra = match kind {
        "text_link" => attribute(attributes, "href").map(|url| ("url", url)),
        "custom_emoji" => attribute(attributes, "emoji-id").map(|id| ("custom_emoji_id", id)),
        "code" => attribute(attributes, "class")
            .and_then(|class| Some(("language", class.strip_prefix("language-")?.to_owned()))),
        _ => None,
    };
    open.push(OpenTag { tag, kind, extra, from });
    Ok(at + length + 1)
}

fn close_tag(source: &str, at: usize, open: &mut Vec<OpenTag>, parsed: &mut Parsed) -> Result<usize, String> {
    let Some(length) = source[at..].find('>') else {
        return Err(format!("Unclosed end tag at byte offset {at}"));
    };
    let name = source[at + 2..at + length].trim().to_ascii_lowercase();
    let Some(tag) = open.pop() else { return Err(format!("Unexpected end tag at byte offset {at}")) };
    if !name.is_empty() && name != tag.tag {
        return Err(format!(
            "Unmatched end tag at byte offset {at}, expected \"</{}>\", found \"</{name}>\"",
            tag.tag
        ));
    }
    if tag.kind == "code" {
        // A language belongs to a block, which is `<pre><code class="language-…">`.
        let is_block = open.last().is_some_and(|outer| outer.kind == "pre" && outer.from == tag.from);
        match open.last_mut().filter(|_| is_block && tag.extra.is_some()) {
            Some(outer) => outer.extra = tag.extra,
            None => parsed.entities.extend(entity(tag.kind, &parsed.text, tag.from, None)),
        }
        return Ok(at + length + 1);
    }
    // Telegram renders a link without a URL as plain text.
    if tag.kind != "text_link" || tag.extra.is_some() {
        parsed.entities.extend(entity(tag.kind, &parsed.text, tag.from, tag.extra));
    }
    Ok(at + length + 1)
}

/// Returns the value of `name="…"`.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let rest = attributes.split_once(name)?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next()?;
    let value = if matches!(quote, '"' | '\'') {
        rest[1..].split(quote).next()?
    } else {
        rest.split_whitespace().next()?
    };
    let mut decoded = String::new();
    let mut at = 0;
    while at < value.len() {
        let (c, length) = decode_character(&value[at..]);
        decoded.push(c);
        at += length;
    }
    Some(decoded)
}

/// Decodes the first character of a text, which may be a character reference. Returns the length of its source.
fn decode_character(source: &str) -> (char, usize) {
    let first = source.chars().next().unwrap_or('&');
    let plain = (first, first.len_utf8());
    let Some(end) = source.find(';').filter(|end| first == '&' && *end <= 10) else { return plain };
    let decoded = match &source[1..end] {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        name => name
            .strip_prefix("#x")
            .map(|hex| u32::from_str_radix(hex, 16))
            .or_else(|| name.strip_prefix('#').map(str::parse))
            .and_then(Result::ok)
            .and_then(char::from_u32),
    };
    decoded.map_or(plain, |c| (c, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_parsed_as_telegram_does() {
        let parsed =
            parse_html("a &lt; <b>b<i>ü</i></b> <a href=\"https://x.y/?a=1&amp;b\">l</a>&#x1F600;&nope;")
                .unwrap();
        assert_eq!(parsed.text, "a < bü l😀&nope;");
        assert_eq!(
            parsed.entities,
            [
                json!({"type": "italic", "offset": 5, "length": 1}),
                json!({"type": "bold", "offset": 4, "length": 2}),
                json!({"type": "text_link", "offset": 7, "length": 1, "url": "https://x.y/?a=1&b"}),
            ]
        );
        let block = parse_html(
            "<pre><code class=\"language-rust\">x</code></pre> <code class=\"language-c\">y</code>",
        )
        .unwrap();
        assert_eq!(
            block.entities,
            [
                json!({"type": "pre", "offset": 0, "length": 1, "language": "rust"}),
                json!({"type": "code", "offset": 2, "length": 1}),
            ]
        );
        for broken in ["<b", "<b>", "</b>", "<b><i></b></i>", "1 < 2", "<div>x</div>", "<span>x</span>"] {
            assert!(parse_html(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn trimming_moves_entities() {
        let parsed = parse_html("  <b>x </b>  ").unwrap().trimmed();
        assert_eq!(
            parsed,
            Parsed { text: "x".into(), entities: vec![json!({"type": "bold", "offset": 0, "length": 1})] }
        );
        let code = parse_html("\n<pre>    x</pre>\n").unwrap().trimmed();
        assert_eq!((code.text.as_str(), &code.entities[0]["length"]), ("    x", &json!(5)));
    }
}
