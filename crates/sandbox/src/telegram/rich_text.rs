//! A text with its entities as HTML, with links that can be clicked.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

/// Renders a text. Entities may overlap in any way, because each piece between two of their ends is rendered alone.
pub(super) fn render(text: &str, entities: &Value) -> Markup {
    let entities: Vec<Span> = entities.as_array().into_iter().flatten().filter_map(Span::parse).collect();
    let mut cuts: BTreeSet<usize> = entities.iter().flat_map(|span| [span.start, span.end]).collect();
    cuts.insert(0);
    let (mut pieces, mut piece, mut at) = (Vec::new(), (0, String::new()), 0);
    for c in text.chars() {
        if at > 0 && cuts.contains(&at) {
            pieces.push(std::mem::replace(&mut piece, (at, String::new())));
        }
        piece.1.push(c);
        at += c.len_utf16();
    }
    pieces.push(piece);
    html! {
        @for (start, piece) in &pieces {
            (wrapped(piece, &entities.iter().filter(|span| span.covers(*start)).collect::<Vec<_>>()))
        }
    }
}

struct Span<'a> {
    kind: &'a str,
    url: Option<&'a str>,
    start: usize,
    end: usize,
}

impl<'a> Span<'a> {
    fn parse(entity: &'a Value) -> Option<Self> {
        let number = |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let start = number("offset")?;
        let end = start.checked_add(number("length")?)?;
        Some(Self { kind: entity["type"].as_str()?, url: entity["url"].as_str(), start, end })
    }

    fn covers(&self, at: usize) -> bool {
        (self.start..self.end).contains(&at)
    }
}

/// Renders a piece of text within its entities, the outermost first.
fn wrapped(piece: &str, spans: &[&Span<'_>]) -> Markup {
    let Some((span, rest)) = spans.split_first() else { return with_links(piece) };
    let inner = wrapped(piece, rest);
    match span.kind {
        "bold" => html! { b { (inner) } },
        "italic" => html! { i { (inner) } },
        "underline" => html! { u { (inner) } },
        "strikethrough" => html! { s { (inner) } },
        "code" => html! { code { (piece) } },
        "pre" => html! { code.block { (piece) } },
        "blockquote" | "expandable_blockquote" => html! { q { (inner) } },
        "spoiler" => html! { mark { (inner) } },
        "text_link" => match span.url.filter(|url| is_web_link(url)) {
            // A link in a link is not valid, so the text is rendered without its own links.
            Some(url) => html! { a href=(url) rel="noopener noreferrer" target="_blank" { (piece) } },
            None => inner,
        },
        _ => inner,
    }
}

/// Whether a link can be clicked. Others, such as `javascript:`, stay text.
pub(super) fn is_web_link(url: &str) -> bool {
    ["https://", "http://", "tg://"].iter().any(|scheme| url.starts_with(scheme))
}

/// Renders the web addresses in a text as links.
fn with_links(text: &str) -> Markup {
    let mut rest = text;
    let mut parts = Vec::new();
    while let Some(at) = ["https://", "http://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let end = rest[at..].find(char::is_whitespace).map_or(rest.len(), |length| at + length);
        let url = rest[at..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'', '"', '”']);
        parts.push((&rest[..at], url));
        rest = &rest[at + url.len()..];
    }
    html! {
        @for (before, url) in parts {
            (before) a href=(url) rel="noopener noreferrer" target="_blank" { (url) }
        }
        (rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entities_and_links_are_rendered_and_escaped() {
        let entity = |kind: &str, offset: usize, length: usize| json!({"type": kind, "offset": offset, "length": length});
        let shown = |text: &str, entities: Value| render(text, &entities).into_string();
        assert_eq!(
            shown("😀 <b> x", json!([entity("bold", 0, 6), entity("italic", 3, 5)])),
            "<b>😀 </b><b><i>&lt;b&gt;</i></b><i> x</i>"
        );
        assert_eq!(
            shown("see https://a.b/c?d=e&f.", json!([])),
            "see <a href=\"https://a.b/c?d=e&amp;f\" rel=\"noopener noreferrer\" target=\"_blank\">https://a.b/c?d=e&amp;f</a>."
        );
        let mut link = entity("text_link", 0, 4);
        link["url"] = json!("javascript:alert(1)");
        assert_eq!(shown("here", json!([link])), "here");
        assert_eq!(shown("", json!([])), "");
        assert_eq!(shown("ab", json!([entity("code", 0, 99)])), "<code>ab</code>");
    }
}
