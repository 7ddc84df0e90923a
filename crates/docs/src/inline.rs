//! Parsing of inline markup: `code`, **strong text** and [links](/docs). Everything else is text.

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span<'a> {
    Text(&'a str),
    Code(&'a str),
    Strong(&'a str),
    Link { text: &'a str, href: &'a str },
}

/// Splits a text into spans, in order. Markup that is never closed is text.
pub(crate) fn parse(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < text.len() {
        if let Some((span, length)) = parse_markup(&text[at..]) {
            if start < at {
                spans.push(Span::Text(&text[start..at]));
            }
            spans.push(span);
            at += length;
            start = at;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    if start < text.len() {
        spans.push(Span::Text(&text[start..]));
    }
    spans
}

/// Parses the markup at the beginning of a text. Returns the length of its source.
fn parse_markup(text: &str) -> Option<(Span<'_>, usize)> {
    if let Some(rest) = text.strip_prefix('`') {
        let end = rest.find('`').filter(|end| *end > 0)?;
        return Some((Span::Code(&rest[..end]), end + 2));
    }
    if let Some(rest) = text.strip_prefix("**") {
        let end = rest.find("**").filter(|end| *end > 0)?;
        return Some((Span::Strong(&rest[..end]), end + 4));
    }
    let (words, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (href, _) = rest.split_once(')')?;
    // Only links that are safe to follow are links. The `[]` of field names is text.
    let is_safe = href.starts_with('/') || href.starts_with('#') || href.starts_with("https://");
    let is_link = is_safe && !words.contains(['[', '\n']) && !href.contains(char::is_whitespace);
    is_link.then_some((Span::Link { text: words, href }, words.len() + href.len() + 4))
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
            Span::Link { text: "here", href: "/docs/errors#codes" },
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
    fn plain_text_has_no_markup() {
        assert_eq!(to_plain_text("`a` [b](/c) **d**"), "a b d");
    }
}
