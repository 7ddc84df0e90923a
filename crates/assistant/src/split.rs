//! Splits an answer into messages that are short enough for Telegram.

use crate::memory::{Part, Style};

/// The maximum length of a Telegram message in UTF-16 units (Bot API, `sendMessage`: 1–4096 after entity parsing).
pub const MESSAGE_UNITS_MAX: usize = 4096;

/// Splits a Markdown text into parts of at most [`MESSAGE_UNITS_MAX`] UTF-16 units: between paragraphs if possible,
/// else between lines, else between words, else between two characters. There are no blank parts, and only white space
/// at the cuts is lost.
///
/// The source is split before it is rendered, so that no HTML tag is open at the end of a part. If a code block
/// continues after a cut, the [`Style`] of the next part says so.
pub fn split_text(text: &str) -> Vec<Part> {
    split_text_at(MESSAGE_UNITS_MAX, text, false)
}

/// Splits a text into parts of at most `units_max` UTF-16 units. `in_code` says that it begins inside a code block.
pub(crate) fn split_text_at(units_max: usize, text: &str, mut in_code: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut_position(rest, units_max));
        let style = if in_code { Style::MarkdownInCode } else { Style::Markdown };
        if !piece.trim().is_empty() {
            parts.push(Part { text: piece.trim_end().to_owned(), style });
        }
        in_code ^= piece.lines().filter(|line| is_fence(line)).count() % 2 == 1;
        // Only line ends are removed at the cut, because the indentation that follows may belong to code.
        rest = after.trim_start_matches(['\n', '\r']);
    }
    parts
}

/// Whether a line opens or closes a code block. A span such as "```x```" on one line does not.
pub(crate) fn is_fence(line: &str) -> bool {
    let text = line.trim_start();
    text.starts_with("```") && !text.trim_start_matches('`').contains('`')
}

/// Returns how many bytes of `text` the next part gets, at least one character.
fn cut_position(text: &str, units_max: usize) -> usize {
    let mut units = 0;
    let Some((end, _)) = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > units_max
    }) else {
        return text.len();
    };
    // A better place for the cut may shorten the part by half at most.
    let best = ["\n\n", "\n", " "].iter().find_map(|separator| {
        let at_end = text[end..].starts_with(separator).then_some(end);
        at_end.or_else(|| text[..end].rfind(separator)).filter(|at| *at >= end / 2)
    });
    best.unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::markdown::render_html;

    fn without_white_space(text: &str) -> String {
        text.chars().filter(|character| !character.is_whitespace()).collect()
    }

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn short_text_is_one_part() {
        assert_eq!(split_text("hello"), [Part { text: "hello".into(), style: Style::Markdown }]);
        assert_eq!(split_text(" \n "), []);
    }

    #[test]
    fn cut_prefers_paragraphs_then_lines_then_words() {
        let paragraphs = format!("{}\n\n{}", "word ".repeat(500).trim(), "line\n".repeat(500));
        assert!(split_text(&paragraphs)[0].text.ends_with("word"));
        let lines = "some words\n".repeat(800);
        assert!(split_text(&lines).iter().all(|part| part.text.ends_with("some words")));
        let words = "some words ".repeat(800);
        assert!(
            split_text(&words).iter().all(|part| part.text.ends_with("some") || part.text.ends_with("words"))
        );
    }

    #[test]
    fn code_block_continues_in_next_part() {
        let text = format!("```rust\n{}```\nafter", "    let x = 1;\n".repeat(400));
        let parts = split_text(&text);
        assert_eq!(parts[0].style, Style::Markdown);
        assert_eq!(parts[1].style, Style::MarkdownInCode);
        assert!(parts[1].text.starts_with("    let"), "the indentation is kept");
        assert!(render_html(&parts[1].text, true).starts_with("<pre>    let"));
    }

    #[test]
    fn surrogate_pair_is_not_split() {
        let parts = split_text(&format!("a{}", "😀".repeat(4096)));
        assert_eq!(parts.len(), 3);
        assert_eq!(units(&parts[0].text), 4095);
    }

    proptest! {
        #[test]
        fn text_is_kept_and_parts_fit(
            pieces in prop::collection::vec((0usize..7, 1usize..2500), 1..12),
        ) {
            let fill = ["word ", "x", "😀", "line\n", "\n\n", "```\n", "**b** `c` "];
            let text: String = pieces.iter().map(|(kind, n)| fill[*kind].repeat(*n)).collect();
            let parts = split_text(&text);
            let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
            prop_assert_eq!(without_white_space(&joined), without_white_space(&text));
            for part in &parts {
                prop_assert!(!part.text.trim().is_empty());
                prop_assert!(units(&part.text) <= MESSAGE_UNITS_MAX);
            }
        }

        #[test]
        fn any_text_is_kept(text in "\\PC{0,6000}") {
            let joined: String = split_text(&text).iter().map(|part| part.text.as_str()).collect();
            prop_assert_eq!(without_white_space(&joined), without_white_space(&text));
        }
    }
}
