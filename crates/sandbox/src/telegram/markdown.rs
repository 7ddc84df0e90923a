//! Parsing of `parse_mode` MarkdownV2 and of the legacy Markdown.

use super::entities::{Parsed, entity};

/// Telegram requires these characters to be escaped wherever they are not markup.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

struct OpenDelimiter {
    mark: &'static str,
    kind: &'static str,
    from: usize,
    at: usize,
}

/// The delimiters of MarkdownV2. Longer ones come first, because they contain shorter ones.
const DELIMITERS: [(&str, &str); 6] = [
    ("__", "underline"),
    ("||", "spoiler"),
    ("*", "bold"),
    ("_", "italic"),
    ("~", "strikethrough"),
    ("[", "text_link"),
];

/// Parses MarkdownV2. The error completes Telegram's message `can't parse entities: …`.
pub(super) fn parse_v2(source: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed { text: String::with_capacity(source.len()), entities: Vec::new() };
    let mut open: Vec<OpenDelimiter> = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        let line_start = at == 0 || source[..at].ends_with('\n');
        if c == '\\'
            && rest[1..].chars().next().is_some_and(|next| next.is_ascii() && !next.is_ascii_control())
        {
            parsed.text.push_str(&rest[1..2]);
            at += 2;
        } else if c == '`' {
            at = parse_code(source, at, &mut parsed, true)?;
        } else if c == '>' && line_start {
            at += 1;
        } else if c == ']' && open.last().is_some_and(|last| last.mark == "[") {
            at = parse_link(source, at, &mut open, &mut parsed)?;
        } else if let Some((mark, kind)) = DELIMITERS.iter().copied().find(|(mark, _)| rest.starts_with(mark))
        {
            let closes = mark != "[" && open.last().is_some_and(|last| last.mark == mark);
            match open.pop_if(|_| closes) {
                Some(last) => parsed.entities.extend(entity(last.kind, &parsed.text, last.from, None)),
                None => open.push(OpenDelimiter { mark, kind, from: parsed.text.len(), at }),
            }
            at += mark.len();
        } else if RESERVED.contains(c) {
            return Err(format!("Character '{c}' is reserved and must be escaped with the preceding '\\'"));
        } else {
            parsed.text.push(c);
            at += c.len_utf8();
        }
    }
    match open.last() {
        Some(last) => Err(unclosed_error(last.kind, last.at)),
        None => Ok(parsed),
    }
}

fn unclosed_error(kind: &str, at: usize) -> String {
    let name = match kind {
        "bold" => "Bold",
        "italic" => "Italic",
        "underline" => "Underline",
        "strikethrough" => "Strikethrough",
        "spoiler" => "Spoiler",
        "code" => "Code",
        "pre" => "Pre",
        _ => "TextUrl",
    };
    format!("Can't find end of {name} entity at byte offset {at}")
}

/// Parses `` `code` `` or ```` ```language … ``` ````. Inside, a backslash escapes only `` ` `` and `\`.
fn parse_code(source: &str, at: usize, parsed: &mut Parsed, escapes: bool) -> Result<usize, String> {
    let (mark, kind) = if source[at..].starts_with("```") { ("```", "pre") } else { ("`", "code") };
    let from = parsed.text.len();
    let mut position = at + mark.len();
    let mut language = None;
    if let Some((first, _)) = source[position..].split_once('\n').filter(|_| kind == "pre") {
        if !first.is_empty() && first.chars().all(|c| c.is_alphanumeric() || "+-#_".contains(c)) {
            language = Some(("language", first.to_owned()));
        }
        if language.is_some() || first.is_empty() {
            position += first.len() + 1;
        }
    }
    loop {
        let rest = &source[position..];
        let Some(c) = rest.chars().next() else { return Err(unclosed_error(kind, at)) };
        if rest.starts_with(mark) {
            parsed.entities.extend(entity(kind, &parsed.text, from, language));
            return Ok(position + mark.len());
        }
        let escaped = escapes && c == '\\' && rest[1..].starts_with(['`', '\\']);
        if escaped {
            position += 1;
        }
        let c = source[position..].chars().next().unwrap_or(c);
        parsed.text.push(c);
        position += c.len_utf8();
    }
}

/// Parses the rest of `[text](url)`, starting at the `]`.
fn parse_link(
    source: &str,
    at: usize,
    open: &mut Vec<OpenDelimiter>,
    parsed: &mut Parsed,
) -> Result<usize, String> {
    let Some(last) = open.pop() else { return Err("Unexpected end of a link".to_owned()) };
    let Some(rest) = source[at + 1..].strip_prefix('(') else { return Ok(at + 1) };
    let mut url = String::new();
    let mut characters = rest.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            ')' => {
                parsed.entities.extend(entity("text_link", &parsed.text, last.from, Some(("url", url))));
                return Ok(at + 2 + index + 1);
            }
            '\\' => url.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => url.push(c),
        }
    }
    Err(format!("Can't find end of a URL at byte offset {}", at + 1))
}

/// Parses the legacy Markdown, which has `*bold*`, `_italic_`, code and links without nesting.
pub(super) fn parse_legacy(source: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed { text: String::with_capacity(source.len()), entities: Vec::new() };
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        match c {
            '\\' if source[at + 1..].starts_with(['_', '*', '`', '[']) => {
                parsed.text.push_str(&source[at + 1..at + 2]);
                at += 2;
            }
            '`' => at = parse_code(source, at, &mut parsed, false)?,
            '*' | '_' => {
                let kind = if c == '*' { "bold" } else { "italic" };
                let Some(length) = source[at + 1..].find(c) else {
                    return Err(format!("Can't find end of the entity starting at byte offset {at}"));
                };
                let from = parsed.text.len();
                parsed.text.push_str(&source[at + 1..at + 1 + length]);
                parsed.entities.extend(entity(kind, &parsed.text, from, None));
                at += length + 2;
            }
            '[' => {
                let Some(length) = source[at..].find(']') else {
                    return Err(format!("Can't find end of the entity starting at byte offset {at}"));
                };
                let mut open =
                    vec![OpenDelimiter { mark: "[", kind: "text_link", from: parsed.text.len(), at }];
                parsed.text.push_str(&source[at + 1..at + length]);
                at = parse_link(source, at + length, &mut open, &mut parsed)?;
            }
            _ => {
                parsed.text.push(c);
                at += c.len_utf8();
            }
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn v2_is_parsed_as_telegram_does() {
        let parsed = parse_v2("*bold _both_* __u__ \\. `a*b` [l](https://x.y/\\)) ||s||\n>quoted").unwrap();
        assert_eq!(parsed.text, "bold both u . a*b l s\nquoted");
        let kinds: Vec<&str> = parsed.entities.iter().filter_map(|e| e["type"].as_str()).collect();
        assert_eq!(kinds, ["italic", "bold", "underline", "code", "text_link", "spoiler"]);
        assert_eq!(
            parsed.entities[4],
            json!({"type": "text_link", "offset": 18, "length": 1, "url": "https://x.y/)"})
        );
        for broken in ["*b", "a.b", "1 - 2", "`c", "```rust\nx", "[l](x", "*a _b* c_", "!"] {
            assert!(parse_v2(broken).is_err(), "{broken}");
        }
        let block = parse_v2("```rust\nlet x = 1.0;\n```").unwrap();
        assert_eq!(block.text, "let x = 1.0;\n");
        assert_eq!(block.entities[0]["language"], "rust");
    }

    #[test]
    fn legacy_is_parsed_as_telegram_does() {
        assert_eq!(parse_legacy("*b* a.b \\_ [l](u)").unwrap().text, "b a.b _ l");
        for broken in ["*b", "snake_case", "`c", "[l"] {
            assert!(parse_legacy(broken).is_err(), "{broken}");
        }
    }
}
