//! A text with its entities as HTML, with links that can be clicked.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

/// Renders a text. Entities may overlap in any way: a text is cut wherever one begins or ends, and neighboring pieces in the same
/// entity are one element.
pub(super) fn render(text: &str, entities: &Value) -> Markup {
    let mut entities: Vec<Span> = entities.as_array().into_iter().flatten().filter_map(Span::parse).collect();
    entities.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
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
    let spans_at = |at: usize| entities.iter().filter(|span| span.covers(at)).collect();
    let pieces: Vec<Piece> =
        pieces.into_iter().map(|(start, text)| Piece { text, spans: spans_at(start) }).collect();
    grouped(&pieces, 0)
}

/// A piece of text, with the entities that it is in, the outermost first.
struct Piece<'a> {
    text: String,
    spans: Vec<&'a Span<'a>>,
}

/// Renders pieces within their entities from `depth` on.
fn grouped(pieces: &[Piece<'_>], depth: usize) -> Markup {
    let is_same = |a: &Piece<'_>, b: &Piece<'_>| match (a.spans.get(depth), b.spans.get(depth)) {
        (Some(a), Some(b)) => std::ptr::eq(*a, *b),
        (None, None) => true,
        _ => false,
    };
    let groups: Vec<&[Piece<'_>]> = pieces.chunk_by(is_same).collect();
    html! {
        @for (index, group) in groups.iter().enumerate() {
            @let text: String = group.iter().map(|piece| piece.text.as_str()).collect();
            @let is_after_block = index > 0 && groups[index - 1][0].spans.get(depth).is_some_and(|span| span.is_block());
            @match group[0].spans.get(depth) {
                Some(span) => (wrapped(&text, span, &grouped(group, depth + 1))),
                // A block ends its line itself.
                None => (with_links(text.strip_prefix('\n').filter(|_| is_after_block).unwrap_or(&text))),
            }
        }
    }
}

struct Span<'a> {
    kind: &'a str,
    url: Option<&'a str>,
    language: Option<&'a str>,
    start: usize,
    end: usize,
}

impl<'a> Span<'a> {
    fn parse(entity: &'a Value) -> Option<Self> {
        let number = |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let start = number("offset")?;
        let end = start.checked_add(number("length")?)?;
        let language = entity["language"].as_str();
        Some(Self { kind: entity["type"].as_str()?, url: entity["url"].as_str(), language, start, end })
    }

    fn is_block(&self) -> bool {
        matches!(self.kind, "pre" | "blockquote" | "expandable_blockquote")
    }

    fn covers(&self, at: usize) -> bool {
        (self.start..self.end).contains(&at)
    }
}

/// Renders a text in an entity; `inner` is the text with the entities in it.
fn wrapped(text: &str, span: &Span<'_>, inner: &Markup) -> Markup {
    match span.kind {
        "bold" => html! { b { (inner) } },
        "italic" => html! { i { (inner) } },
        "underline" => html! { u { (inner) } },
        "strikethrough" => html! { s { (inner) } },
        "code" => html! { code { (text) } },
        "pre" => html! { code.block data-language=[span.language] { (text) } },
        "blockquote" | "expandable_blockquote" => html! { q.block { (inner) } },
        "spoiler" => html! { mark { (inner) } },
        "text_link" => match span.url.filter(|url| is_web_link(url)) {
            // A link in a link is not valid, so the text is rendered without its own links.
            Some(url) => html! { a href=(url) rel="noopener noreferrer" target="_blank" { (text) } },
            None => html! { (inner) },
        },
        _ => html! { (inner) },
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
            "<b>😀 <i>&lt;b&gt;</i></b><i> x</i>"
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
        let mut block = entity("pre", 0, 3);
        block["language"] = json!("\"><script>");
        assert_eq!(
            shown("<i>", json!([block])),
            "<code class=\"block\" data-language=\"&quot;&gt;&lt;script&gt;\">&lt;i&gt;</code>"
        );
        let quoted = json!([entity("blockquote", 0, 7), entity("bold", 0, 3)]);
        assert_eq!(shown("one\ntwo\nx", quoted), "<q class=\"block\"><b>one</b>\ntwo</q>x");
    }
}
