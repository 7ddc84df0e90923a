//! Renders the Markdown that models write as the HTML that Telegram accepts: `b`, `i`, `s`, `code`, `pre` and `a`, with
//! everything else escaped (Bot API, "HTML style"). The output is well-formed for any input, because tags are written
//! in pairs only.

use crate::split::is_fence;

/// How deep emphasis may nest. Deeper markers are shown as text.
const DEPTH_MAX: usize = 6;

/// Renders a Markdown text as HTML. `in_code` says that the text begins inside a code block.
pub fn render_html(text: &str, in_code: bool) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut code: Option<(String, Vec<&str>)> = in_code.then(|| (String::new(), Vec::new()));
    let mut first = true;
    for line in text.lines() {
        if let Some((_, lines)) = &mut code {
            if !is_fence(line) {
                lines.push(line);
                continue;
            }
        } else if is_fence(line) {
            code = Some((language(line), Vec::new()));
            continue;
        }
        if !first {
            html.push('\n');
        }
        first = false;
        match code.take() {
            Some((language, lines)) => push_code_block(&mut html, &language, &lines),
            None => push_line(&mut html, line),
        }
    }
    // The text can end inside a block, because the answer was truncated or the block continues in the next part.
    if let Some((language, lines)) = code {
        if !first {
            html.push('\n');
        }
        push_code_block(&mut html, &language, &lines);
    }
    html
}

/// Returns the language after a fence, or an empty string if the text does not look like a language.
fn language(fence: &str) -> String {
    let name = fence.trim().trim_start_matches('`');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.');
    if name.len() <= 30 && name.chars().all(fits) { name.to_owned() } else { String::new() }
}

fn push_code_block(html: &mut String, language: &str, lines: &[&str]) {
    if lines.iter().all(|line| line.trim().is_empty()) {
        return;
    }
    if language.is_empty() {
        html.push_str("<pre>");
    } else {
        html.push_str(&format!("<pre><code class=\"language-{language}\">"));
    }
    push_escaped(html, &lines.join("\n"));
    html.push_str(if language.is_empty() { "</pre>" } else { "</code></pre>" });
}

/// Renders a line outside code: headings become bold, bullets become dots, and the rest is inline text.
fn push_line(html: &mut String, line: &str) {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let hashes = text.len() - text.trim_start_matches('#').len();
    html.push_str(indent);
    if let (1..=6, Some(title)) = (hashes, text[hashes..].strip_prefix(' ')) {
        wrap(html, "b", title.trim(), 1);
    } else if let Some(item) = ["- ", "* ", "+ "].iter().find_map(|bullet| text.strip_prefix(bullet)) {
        html.push_str("• ");
        push_inline(html, item, 0);
    } else {
        push_inline(html, text, 0);
    }
}

fn push_inline(html: &mut String, text: &str, depth: usize) {
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let taken = if depth < DEPTH_MAX { push_span(html, text, at, depth) } else { 0 };
        if taken == 0 {
            push_escaped(html, character.encode_utf8(&mut [0; 4]));
            at += character.len_utf8();
        } else {
            at += taken;
        }
    }
}

/// Renders the span that begins at byte `at`, if there is one, and returns how many bytes of `text` it covers.
fn push_span(html: &mut String, text: &str, start: usize, depth: usize) -> usize {
    let rest = &text[start..];
    if rest.starts_with('`') {
        let Some((code, taken)) = code_span(rest) else { return 0 };
        html.push_str("<code>");
        push_escaped(html, code);
        html.push_str("</code>");
        return taken;
    }
    if rest.starts_with('[') {
        let Some((label, url, taken)) = link(rest) else { return 0 };
        html.push_str("<a href=\"");
        push_escaped(html, url);
        html.push_str("\">");
        push_inline(html, label, depth + 1);
        html.push_str("</a>");
        return taken;
    }
    if let Some(escaped) = rest.strip_prefix('\\').and_then(|after| after.chars().next()) {
        if matches!(escaped, '*' | '_' | '`' | '[' | ']' | '~' | '\\' | '#' | '-' | '.' | '!' | '(' | ')') {
            push_escaped(html, escaped.encode_utf8(&mut [0; 4]));
            return 2;
        }
        return 0;
    }
    let before = text[..start].chars().next_back();
    for (mark, tag) in [("**", "b"), ("__", "b"), ("~~", "s"), ("*", "i"), ("_", "i")] {
        if let Some(inner) = emphasis(before, rest, mark) {
            wrap(html, tag, inner, depth + 1);
            return inner.len() + 2 * mark.len();
        }
    }
    0
}

fn wrap(html: &mut String, tag: &str, inner: &str, depth: usize) {
    html.push_str(&format!("<{tag}>"));
    push_inline(html, inner, depth);
    html.push_str(&format!("</{tag}>"));
}

/// Finds the code between two equally long runs of backticks at the start of `rest`, and how many bytes they cover.
fn code_span(rest: &str) -> Option<(&str, usize)> {
    let run = rest.len() - rest.trim_start_matches('`').len();
    let ticks = &rest[..run];
    let end = run + rest[run..].find(ticks)?;
    let code = &rest[run..end];
    // A longer run of backticks does not close this one.
    (!code.trim().is_empty() && !rest[end + run..].starts_with('`')).then_some((code, end + run))
}

/// Finds the label and address of `[label](address)` at the start of `rest`, and how many bytes they cover.
fn link(rest: &str) -> Option<(&str, &str, usize)> {
    let middle = rest.find("](")?;
    let label = &rest[1..middle];
    let mut open = 0;
    let length = rest[middle + 2..].find(|character| {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        open < 0
    })?;
    let url = &rest[middle + 2..middle + 2 + length];
    let known = ["https://", "http://", "mailto:", "tg://"].iter().any(|scheme| url.starts_with(scheme));
    let plain = !url.contains(|character: char| character.is_whitespace() || character.is_control());
    (known && plain && !label.trim().is_empty()).then_some((label, url, middle + 2 + length + 1))
}

/// Finds the text between two `mark`s at the start of `rest`, by a subset of Markdown's rules: there is no space next
/// to the inside of the marks, and underscores count only at the edges of words, so that `snake_case_names` are kept.
fn emphasis<'a>(before: Option<char>, rest: &'a str, mark: &str) -> Option<&'a str> {
    let inner = rest.strip_prefix(mark)?;
    let sign = mark.chars().next()?;
    let within_word = sign == '_' && before.is_some_and(char::is_alphanumeric);
    if within_word || inner.starts_with(char::is_whitespace) || (mark.len() == 1 && inner.starts_with(sign)) {
        return None;
    }
    let mut at = 0;
    while let Some(character) = inner[at..].chars().next() {
        at += if character == '`' {
            code_span(&inner[at..]).map_or(1, |(_, taken)| taken)
        } else if character == sign {
            let run = inner[at..].len() - inner[at..].trim_start_matches(sign).len();
            if closes_emphasis(&inner[..at], &inner[at + run..], sign, run, mark.len()) {
                return Some(&inner[..at + run - mark.len()]);
            }
            run
        } else {
            character.len_utf8()
        };
    }
    None
}

/// Whether a run of `sign`s between `text` and `after` closes emphasis that `length` signs opened.
fn closes_emphasis(text: &str, after: &str, sign: char, run: usize, length: usize) -> bool {
    let within_word = sign == '_' && after.starts_with(char::is_alphanumeric);
    // A `*` is not closed by `**`, which belongs to other emphasis. Of a longer run, the outer mark closes.
    let fits = if length == 1 { run != 2 } else { run >= 2 };
    let is_empty = text.is_empty() && run == length;
    fits && !within_word && !is_empty && !text.ends_with(char::is_whitespace)
}

fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            _ => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_is_rendered_as_html() {
        for (markdown, html) in [
            ("plain", "plain"),
            ("**bold** and *italic*", "<b>bold</b> and <i>italic</i>"),
            ("__bold__ and _italic_", "<b>bold</b> and <i>italic</i>"),
            ("***both***", "<b><i>both</i></b>"),
            ("*a **b***", "<i>a <b>b</b></i>"),
            ("```on one line```", "<code>on one line</code>"),
            ("*a **b** c*", "<i>a <b>b</b> c</i>"),
            ("**a *b* c**", "<b>a <i>b</i> c</b>"),
            ("~~gone~~", "<s>gone</s>"),
            ("`a < b`", "<code>a &lt; b</code>"),
            ("``a ` b``", "<code>a ` b</code>"),
            ("*a `*` b*", "<i>a <code>*</code> b</i>"),
            (
                "[Rust](https://rust-lang.org/?a=1&b=2)",
                "<a href=\"https://rust-lang.org/?a=1&amp;b=2\">Rust</a>",
            ),
            ("[x](https://e.org/a_(b))", "<a href=\"https://e.org/a_(b)\">x</a>"),
            ("# Title\n- one\n* two", "<b>Title</b>\n• one\n• two"),
            (
                "a\n```rust\nlet x = &1;\n```\nb",
                "a\n<pre><code class=\"language-rust\">let x = &amp;1;</code></pre>\nb",
            ),
            ("```\na\n\nb\n```", "<pre>a\n\nb</pre>"),
            ("\\*not italic\\*", "*not italic*"),
        ] {
            assert_eq!(render_html(markdown, false), html, "{markdown}");
        }
    }

    #[test]
    fn text_without_markup_is_unchanged() {
        for (text, html) in [
            ("2 * 3 * 4", "2 * 3 * 4"),
            ("snake_case_name", "snake_case_name"),
            ("an unbalanced *star and <b", "an unbalanced *star and &lt;b"),
            ("**never closed", "**never closed"),
            ("`open", "`open"),
            ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
            ("#hashtag", "#hashtag"),
            ("<script>&amp;", "&lt;script&gt;&amp;amp;"),
            ("****", "****"),
        ] {
            assert_eq!(render_html(text, false), html, "{text}");
        }
    }

    #[test]
    fn unclosed_code_block_is_closed() {
        assert_eq!(render_html("```\ncut off <", false), "<pre>cut off &lt;</pre>");
        assert_eq!(render_html("rest\n```\nafter", true), "<pre>rest</pre>\nafter");
    }

    /// Returns the text that Telegram shows for the HTML, or why Telegram would reject it.
    fn visible_text(html: &str) -> Result<String, String> {
        let (mut text, mut open, mut rest) = (String::new(), Vec::new(), html);
        while let Some(character) = rest.chars().next() {
            if character == '<' {
                let (tag, after) = rest[1..].split_once('>').ok_or("an open tag")?;
                if let Some(name) = tag.strip_prefix('/') {
                    if open.pop() != Some(name) {
                        return Err(format!("</{name}> closes nothing"));
                    }
                } else {
                    open.push(tag.split(' ').next().unwrap_or(tag));
                }
                rest = after;
            } else if character == '&' {
                let (name, after) = rest[1..].split_once(';').ok_or("an open entity")?;
                text.push(match name {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    other => return Err(format!("unknown entity {other}")),
                });
                rest = after;
            } else {
                text.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        if open.is_empty() { Ok(text) } else { Err(format!("left open: {open:?}")) }
    }

    proptest! {
        #[test]
        fn any_text_renders_to_well_formed_html(
            text in "[ab <>&\"*_~`#\\[\\]()\\\\\n😀é-]{0,200}|(\\*\\*|`|```\n|_|\\[a\\]\\(https://b\\)|x| |<|\n){0,60}",
            in_code: bool,
        ) {
            let visible = visible_text(&render_html(&text, in_code));
            prop_assert!(visible.is_ok(), "{:?}", visible);
            prop_assert!(visible.unwrap().encode_utf16().count() <= text.encode_utf16().count());
        }
    }
}
