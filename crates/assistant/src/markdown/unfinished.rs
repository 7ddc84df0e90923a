//! Renders a text that is still being written: what is open at its end is shown as if it were closed, and marks that say nothing
//! yet are left out.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::{OPTIONS, render};
use crate::formatted::Formatted;

/// Renders the beginning of a Markdown text.
pub(crate) fn render_unfinished(source: &str) -> Formatted {
    render(&completed(source))
}

/// Returns the text with its open markup closed.
fn completed(source: &str) -> String {
    let source = source.trim_end();
    let (block, is_code) = last_block(source);
    let line = source.rfind('\n').map_or(0, |at| at + 1);
    let marks = if is_code { "`~" } else { "-=*_#>+|~`: \t" };
    // A line of marks may become anything: a list, a rule, a heading of the line above, or the end of a block of code.
    let says_nothing = source[line..].chars().all(|c| marks.contains(c));
    // Neither does a block of code whose language is still being written.
    let is_empty_code = is_code && block >= line;
    let is_fence = ["```", "~~~"].iter().any(|fence| source[line..].trim_start().starts_with(fence));
    let is_cut = is_empty_code || (says_nothing && !is_fence);
    let source = if is_cut { source[..line].trim_end() } else { source };
    if is_code || block >= source.len() {
        return source.to_owned();
    }
    let (before, inline) = source.split_at(block);
    format!("{before}{}", completed_inline(inline))
}

/// Returns where the last block begins, and whether it is code.
fn last_block(source: &str) -> (usize, bool) {
    let mut last = (0, false);
    for (event, range) in Parser::new_ext(source, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                last = (range.start, range.end >= source.len() && matches!(kind, CodeBlockKind::Fenced(_)));
            }
            Event::Start(
                Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::TableCell | Tag::HtmlBlock,
            ) => {
                last = (range.start, false);
            }
            _ => {}
        }
    }
    last
}

/// A run of marks that opens emphasis.
struct Opener {
    mark: char,
    length: usize,
}

fn completed_inline(text: &str) -> String {
    let mut text = without_open_link(text);
    let mut open: Vec<Opener> = Vec::new();
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let run = text[at..].len() - text[at..].trim_start_matches(character).len();
        match character {
            '\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '`' => {
                let ticks = "`".repeat(run);
                match closing_ticks(&text[at + run..], run) {
                    Some(length) => at += run + length + run,
                    None if at + run == text.len() => text.truncate(at),
                    None => {
                        text.push_str(&ticks);
                        break;
                    }
                }
            }
            '*' | '_' | '~' => {
                let before = text[..at].chars().next_back();
                let after = text[at + run..].chars().next();
                if before.is_none_or(char::is_whitespace) && after.is_none() {
                    text.truncate(at);
                    break;
                }
                read_run(&mut open, character, run, before, after);
                at += run;
            }
            _ => at += character.len_utf8(),
        }
    }
    let end = text.trim_end().len();
    text.truncate(end);
    for opener in open.iter().rev() {
        text.extend(std::iter::repeat_n(opener.mark, opener.length));
    }
    text
}

/// Closes what a run of marks closes, and opens emphasis with the rest of it.
fn read_run(open: &mut Vec<Opener>, mark: char, run: usize, before: Option<char>, after: Option<char>) {
    let mut left = run;
    let is_within_word =
        mark == '_' && before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric);
    if is_within_word || (mark == '~' && run != 2) {
        return;
    }
    if before.is_some_and(|c| !c.is_whitespace()) {
        while let Some(last) = open.last_mut().filter(|last| last.mark == mark && left > 0) {
            let closed = left.min(last.length);
            last.length -= closed;
            left -= closed;
            if last.length == 0 {
                open.pop();
            }
        }
    }
    if left > 0 && after.is_some_and(|c| !c.is_whitespace()) {
        open.push(Opener { mark, length: left });
    }
}

/// Returns how far the next run of exactly `run` backticks is.
fn closing_ticks(text: &str, run: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let length = text[start..].len() - text[start..].trim_start_matches('`').len();
        if length == run {
            return Some(start);
        }
        at = start + length;
    }
    None
}

/// Shows only the text of a link whose address is not complete.
fn without_open_link(text: &str) -> String {
    let Some(middle) = text.rfind("](").filter(|middle| !text[*middle..].contains(')')) else {
        return text.to_owned();
    };
    let Some(start) = text[..middle].rfind('[') else { return text.to_owned() };
    let before = text[..start].strip_suffix('!').unwrap_or(&text[..start]);
    format!("{before}{}", &text[start + 1..middle])
}

#[cfg(test)]
mod tests {
    use super::*;
    use reef_protocols::telegram::EntityKind;

    /// Returns the text that is shown, with the kinds of its entities.
    fn shown(source: &str) -> (String, Vec<EntityKind>) {
        let Some(part) = render_unfinished(source).into_part() else { return Default::default() };
        (part.text, part.entities.into_iter().map(|entity| entity.kind).collect())
    }

    #[test]
    fn open_markup_is_closed() {
        let link = || EntityKind::TextLink { url: "https://e.org".to_owned() };
        let pre = |language: Option<&str>| EntityKind::Pre { language: language.map(str::to_owned) };
        for (source, text, kinds) in [
            ("some **bo", "some bo", vec![EntityKind::Bold]),
            ("some **bold ", "some bold", vec![EntityKind::Bold]),
            ("some **bold*", "some bold", vec![EntityKind::Bold]),
            ("some **", "some", vec![]),
            ("***both", "both", vec![EntityKind::Italic, EntityKind::Bold]),
            ("**a *b", "a b", vec![EntityKind::Bold, EntityKind::Italic]),
            ("an `inl", "an inl", vec![EntityKind::Code]),
            ("an `", "an", vec![]),
            ("~~go", "go", vec![EntityKind::Strikethrough]),
            ("see [this](https://exa", "see this", vec![]),
            ("see ![pic](https://exa", "see pic", vec![]),
            ("see [this](https://e.org) **n", "see this n", vec![link(), EntityKind::Bold]),
            ("```rust\nlet x = **1", "let x = **1", vec![pre(Some("rust"))]),
            ("```rust\nlet x;\n``", "let x;", vec![pre(Some("rust"))]),
            ("```\nlet x;\n```", "let x;", vec![pre(None)]),
            ("```ru", "", vec![]),
            ("A list:\n-", "A list:", vec![]),
            ("A list:\n- on", "A list:\n• on", vec![]),
            ("# Tit", "Tit", vec![EntityKind::Bold]),
            ("Text\n\n##", "Text", vec![]),
            ("- **a\n- b", "• **a\n• b", vec![]),
            ("snake_case_na", "snake_case_na", vec![]),
            ("2 * 3", "2 * 3", vec![]),
            ("`a` and `b", "a and b", vec![EntityKind::Code, EntityKind::Code]),
            ("end \\*", "end *", vec![]),
        ] {
            assert_eq!(shown(source), (text.to_owned(), kinds), "{source}");
        }
    }
}
