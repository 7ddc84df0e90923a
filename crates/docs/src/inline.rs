//! Inline markup: `code`, **strong text** and [links](/docs). Everything else is text.

use maud::{Markup, html};
use pulldown_cmark::{Event, LinkType, Parser, Tag};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Span<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    Link { text: &'a str, href: String },
}

/// Descriptions may begin with a number or a dash, which Markdown would parse as a list. The text of a heading is always inline.
const HEADING: &str = "# ";

/// Splits a text into spans, in order. Markup that is never closed is text.
pub(crate) fn parse(text: &str) -> Vec<Span<'_>> {
    let heading = format!("{HEADING}{}", text.replace('\n', " "));
    let mut spans = Vec::new();
    let mut at = 0;
    for (event, range) in Parser::new(&heading).into_offset_iter() {
        // The heading itself begins before the text. What is within the last span belongs to it.
        let Some(start) = range.start.checked_sub(HEADING.len()).filter(|start| *start >= at) else {
            continue;
        };
        let end = range.end - HEADING.len();
        let Some(span) = span(&event, &text[start..end]) else { continue };
        if at < start {
            spans.push(Span::Text(&text[at..start]));
        }
        spans.push(span);
        at = end;
    }
    if at < text.len() {
        spans.push(Span::Text(&text[at..]));
    }
    spans
}

/// Returns the span that begins with an event and has this source.
fn span<'a>(event: &Event<'_>, source: &'a str) -> Option<Span<'a>> {
    match event {
        Event::Code(_) => Some(Span::Code(source.trim_matches('`').trim())),
        Event::Start(Tag::Strong) => Some(Span::Strong(&source[2..source.len() - 2])),
        Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url: href, .. }) => {
            // Only links that are safe to follow are links.
            let is_safe = href.starts_with('/') || href.starts_with('#') || href.starts_with("https://");
            let (words, _) = source.strip_prefix('[')?.rsplit_once("](")?;
            is_safe.then(|| Span::Link { text: words, href: href.to_string() })
        }
        _ => None,
    }
}

/// Renders a text and its markup as HTML.
pub(crate) fn to_html(text: &str) -> Markup {
    html! {
        @for span in parse(text) {
            @match span {
                Span::Text(text) => (text),
                Span::Code(text) => code { (text) },
                Span::Strong(text) => strong { (text) },
                // The JSON of the API opens in a new tab, so that it does not replace the page.
                Span::Link { text, href } if href.starts_with("/api/") => {
                    a href=(href) target="_blank" rel="noopener" { (to_html(text)) }
                }
                Span::Link { text, href } => a href=(href) { (to_html(text)) },
            }
        }
    }
}

/// Returns a text without its markup, for titles and descriptions.
pub(crate) fn to_plain_text(text: &str) -> String {
    let words = parse(text).into_iter().map(|span| match span {
        Span::Text(text) | Span::Code(text) | Span::Strong(text) | Span::Link { text, .. } => text,
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_spans() {
        let found = parse("A `code` and **much** more: [here](/docs/errors#codes).");
        let expected = [
            Span::Text("A "),
            Span::Code("code"),
            Span::Text(" and "),
            Span::Strong("much"),
            Span::Text(" more: "),
            Span::Link { text: "here", href: "/docs/errors#codes".to_owned() },
            Span::Text("."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn unclosed_markup_is_text() {
        for text in ["`open", "**open", "[open](", "data[].id", "[a](javascript:alert)", "2 ** 3", "é`"] {
            assert_eq!(parse(text), [Span::Text(text)], "{text}");
        }
    }

    #[test]
    fn text_that_would_begin_a_block_stays_inline() {
        assert_eq!(parse("- `a`\nb"), [Span::Text("- "), Span::Code("a"), Span::Text("\nb")]);
        for text in ["1. one", "> quote", "# title", "    code", "*em* &amp; <b>", "a_b \\*"] {
            assert_eq!(parse(text), [Span::Text(text)], "{text}");
        }
    }

    #[test]
    fn plain_text_has_no_markup() {
        assert_eq!(to_plain_text("`a` [b](/c) **d**"), "a b d");
    }
}
