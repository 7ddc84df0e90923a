//! Splits an answer into messages that are short enough for Telegram.

use std::ops::Range;

use crate::formatted::{Formatted, Span};
use crate::memory::Part;

/// The maximum length of a Telegram message in UTF-16 units (Bot API, `sendMessage`: 1–4096 after entity parsing).
pub(crate) const MESSAGE_UNITS_MAX: usize = 4096;

/// Splits a text into parts of at most `units_max` UTF-16 units: between blocks if possible, else between lines, sentences,
/// words, or characters. There are no blank parts, and only white space at the cuts is lost.
///
/// Formatting continues after a cut. A block of code is cut between lines, and each part is a block of the same language.
pub(crate) fn split(formatted: &Formatted, units_max: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < formatted.text.len() {
        let cut = cut_position(formatted, start, units_max);
        parts.extend(formatted.slice(start..cut).into_part());
        start = next_start(formatted, cut);
    }
    parts
}

/// Returns the end of a text, with at most `units_max` UTF-16 units and from the beginning of a line or word on.
pub(crate) fn end_of(formatted: Formatted, units_max: usize) -> Formatted {
    let mut units = 0;
    let fits = |(_, c): &(usize, char)| {
        units += c.len_utf16();
        units <= units_max
    };
    let text = &formatted.text;
    let start = text.char_indices().rev().take_while(fits).last().map_or(0, |(at, _)| at);
    if start == 0 {
        return formatted;
    }
    let middle = start + (text.len() - start) / 2;
    let better = ["\n", " "].iter().find_map(|separator| {
        let found = start + text[start..].find(separator)? + separator.len();
        (found < middle).then_some(found)
    });
    formatted.slice(better.unwrap_or(start)..text.len())
}

/// Returns where the part that begins at `start` ends, at least one character later.
fn cut_position(formatted: &Formatted, start: usize, units_max: usize) -> usize {
    let text = &formatted.text;
    let mut units = 0;
    let too_long = |(_, character): &(usize, char)| {
        units += character.len_utf16();
        units > units_max
    };
    let Some(end) = text[start..].char_indices().find(too_long).map(|(at, _)| start + at) else {
        return text.len();
    };
    // At least one character, even if it is longer than a part.
    let end = end.max(start + text[start..].chars().next().map_or(0, char::len_utf8));
    // A better place for the cut may shorten the part by half at most.
    let places = Places::new(formatted, start + (end - start) / 2, end);
    places
        .block()
        .or_else(|| places.line())
        .or_else(|| places.sentence())
        .or_else(|| places.word())
        .unwrap_or(end)
}

/// Skips the white space after a cut, but not the indentation of code.
fn next_start(formatted: &Formatted, cut: usize) -> usize {
    let rest = &formatted.text[cut..];
    if formatted.pre_around(cut).is_some() {
        return cut + rest.len() - rest.trim_start_matches(['\n', '\r']).len();
    }
    let next_code = formatted.spans.iter().filter(|span| span.is_pre() && span.range.start >= cut);
    let limit = next_code.map(|span| span.range.start).min().unwrap_or(formatted.text.len());
    let rest = &formatted.text[cut..limit];
    cut + rest.len() - rest.trim_start().len()
}

/// The places from `from` to `end` where a text can be cut.
struct Places<'a> {
    text: &'a str,
    /// The blocks of code in this part of the text.
    code: Vec<Range<usize>>,
    from: usize,
    end: usize,
}

impl<'a> Places<'a> {
    fn new(formatted: &'a Formatted, from: usize, end: usize) -> Self {
        let is_here = |span: &&Span| span.is_pre() && span.range.start <= end && span.range.end >= from;
        let code = formatted.spans.iter().filter(is_here).map(|span| span.range.clone()).collect();
        Self { text: &formatted.text, code, from, end }
    }

    /// The last border of blocks: an empty line outside of code, or where code begins or ends.
    fn block(&self) -> Option<usize> {
        let mut best = self.last(|text, at| {
            let is_in_code = |code: &Range<usize>| code.start < at && at < code.end;
            text[at..].starts_with("\n\n") && !self.code.iter().any(is_in_code)
        });
        for code in &self.code {
            for at in [code.start, code.end] {
                if (self.from..=self.end).contains(&at) && at > 0 {
                    best = best.max(Some(at));
                }
            }
        }
        best
    }

    fn line(&self) -> Option<usize> {
        self.last(|text, at| text[at..].starts_with('\n'))
    }

    fn sentence(&self) -> Option<usize> {
        self.last(|text, at| {
            let after = text[..at].chars().next_back();
            let is_wide = matches!(after, Some('。' | '！' | '？'));
            let ends = matches!(after, Some('.' | '!' | '?' | '…'));
            is_wide || (ends && text[at..].starts_with(char::is_whitespace))
        })
    }

    fn word(&self) -> Option<usize> {
        self.last(|text, at| text[at..].starts_with(char::is_whitespace))
    }

    fn last(&self, fits: impl Fn(&str, usize) -> bool) -> Option<usize> {
        let text = self.text;
        let is_place = |at: &usize| text.is_char_boundary(*at) && fits(text, *at);
        (self.from.max(1)..=self.end).rev().find(is_place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reef_protocols::telegram::EntityKind;

    use super::*;
    use crate::markdown::render;

    fn split_text(text: &str) -> Vec<Part> {
        split(&render(text), MESSAGE_UNITS_MAX)
    }

    fn without_white_space(text: &str) -> String {
        text.chars().filter(|character| !character.is_whitespace()).collect()
    }

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn short_text_is_one_part() {
        let parts = split_text("hello");
        assert_eq!((parts.len(), parts[0].text.as_str()), (1, "hello"));
        assert_eq!(split_text(" \n "), []);
    }

    #[test]
    fn cut_prefers_blocks_then_lines_then_sentences_then_words() {
        let paragraphs = format!("{}\n\n{}", "word ".repeat(500).trim(), "line\n".repeat(500));
        assert!(split_text(&paragraphs)[0].text.ends_with("word"));
        let lines = "some words. Here.\n".repeat(800);
        assert!(split_text(&lines).iter().all(|part| part.text.ends_with("Here.")));
        let sentences = "Some words here. ".repeat(800);
        assert!(split_text(&sentences).iter().all(|part| part.text.ends_with("here.")));
        let words = "some words ".repeat(800);
        assert!(
            split_text(&words).iter().all(|part| part.text.ends_with("some") || part.text.ends_with("words"))
        );
        let before_code = format!("{}\n```\n{}```", "word ".repeat(600).trim(), "x = 1\n".repeat(500));
        assert!(split_text(&before_code)[0].text.ends_with("word"));
    }

    #[test]
    fn code_and_emphasis_continue_in_next_part() {
        let text = format!("```rust\n{}```\nafter", "    let x = 1;\n".repeat(400));
        let parts = split_text(&text);
        assert_eq!(parts.len(), 2);
        for part in &parts {
            assert!(
                part.text.starts_with("    let") && !part.text.contains("\n\n"),
                "the indentation is kept"
            );
            assert_eq!(part.entities[0].kind, EntityKind::Pre { language: Some("rust".to_owned()) });
            assert_eq!(part.entities[0].offset, 0);
        }
        assert!(parts[1].text.ends_with("let x = 1;\nafter"));
        let parts = split_text(&format!("**{}**", "bold words ".repeat(600).trim()));
        assert_eq!(parts.len(), 2);
        for part in &parts {
            let whole = (part.entities.len(), part.entities[0].offset, part.entities[0].length);
            assert_eq!(whole, (1, 0, units(&part.text)));
        }
    }

    #[test]
    fn surrogate_pair_is_not_split() {
        let parts = split_text(&format!("a{}", "😀".repeat(4096)));
        assert_eq!(parts.len(), 3);
        assert_eq!(units(&parts[0].text), 4095);
        assert_eq!(split(&Formatted::plain("😀😀"), 1).len(), 2);
    }

    #[test]
    fn end_of_a_long_text_begins_with_a_line_or_word() {
        let end = |text: &str| end_of(render(text), 100);
        assert_eq!(end("short").text, "short");
        let long = end(&format!("{}**😀**", "one two ".repeat(50)));
        assert!(long.text.starts_with("one two") || long.text.starts_with("two one"));
        assert!(units(&long.text) <= 100 && long.text.ends_with("😀"));
        assert_eq!(long.spans.len(), 1);
    }

    proptest! {
        #[test]
        fn text_is_kept_and_parts_fit(
            pieces in prop::collection::vec((0usize..7, 1usize..2500), 1..12),
        ) {
            let fill = ["word ", "x", "😀", "line\n", "\n\n", "```\n", "**b** `c` "];
            let text: String = pieces.iter().map(|(kind, n)| fill[*kind].repeat(*n)).collect();
            let rendered = render(&text);
            let parts = split(&rendered, MESSAGE_UNITS_MAX);
            let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
            prop_assert_eq!(without_white_space(&joined), without_white_space(&rendered.text));
            for part in &parts {
                prop_assert!(!part.text.trim().is_empty());
                prop_assert!(units(&part.text) <= MESSAGE_UNITS_MAX);
                let end = |entity: &reef_protocols::telegram::TextEntity| entity.offset + entity.length;
                prop_assert!(part.entities.iter().all(|entity| end(entity) <= units(&part.text)));
            }
        }

        #[test]
        fn any_text_is_kept(text in "\\PC{0,6000}", units_max in 1usize..500) {
            let formatted = Formatted::plain(&text);
            let parts = split(&formatted, units_max);
            let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
            prop_assert_eq!(without_white_space(&joined), without_white_space(&text));
        }
    }
}
