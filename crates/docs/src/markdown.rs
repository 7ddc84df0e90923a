//! Rendering of blocks as Markdown. Links are absolute and point to the Markdown of other pages.

use crate::block::{Block, Code, Table};
use crate::inline::{self, Span};

/// Renders a page, which ends with a line break.
pub(crate) fn render_page(title: &str, lead: &str, blocks: &[Block], public_url: &str) -> String {
    let mut text = format!("# {}\n\n{}\n", render_spans(title, public_url), render_spans(lead, public_url));
    for block in blocks {
        if let Some(written) = render(block, public_url) {
            text.push('\n');
            text.push_str(written.trim_end_matches('\n'));
            text.push('\n');
        }
    }
    text
}

fn render(block: &Block, url: &str) -> Option<String> {
    Some(match block {
        Block::Heading { level, text, .. } => {
            format!("{} {}", "#".repeat(usize::from(*level)), render_spans(text, url))
        }
        Block::Paragraph(text) => render_spans(text, url),
        Block::Note(text) => format!("> {}", render_spans(text, url)),
        Block::List { is_ordered, items } => render_list(*is_ordered, items, url),
        Block::Table(table) => render_table(table, url),
        Block::Code(one) => render_code(one),
        Block::Tabs { codes, .. } => codes.iter().map(render_code).collect::<Vec<_>>().join("\n"),
        Block::Endpoint { method, url } => format!("`{method} {url}`"),
        // A form needs a browser. The code samples above it show the same request.
        Block::TryIt(_) => return None,
    })
}

fn render_list(is_ordered: bool, items: &[String], url: &str) -> String {
    let lines = items.iter().enumerate().map(|(at, item)| {
        let mark = if is_ordered { format!("{}.", at + 1) } else { "-".to_owned() };
        format!("{mark} {}", render_spans(item, url))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn render_table(table: &Table, url: &str) -> String {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let head = line(table.head.clone());
    let rule = line(table.head.iter().map(|_| "---".to_owned()).collect());
    let cell = |text: &String| render_spans(text, url).replace('|', "\\|");
    let rows = table.rows.iter().map(|row| line(row.iter().map(cell).collect()));
    [head, rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Renders a code block whose fence is longer than any run of backticks in the code.
fn render_code(code: &Code) -> String {
    let mut fence = "```".to_owned();
    while code.text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{}\n{}\n{fence}\n", code.language, code.text.trim_end_matches('\n'))
}

fn render_spans(text: &str, public_url: &str) -> String {
    let pieces = inline::parse(text).into_iter().map(|span| match span {
        // Markdown would render an unescaped `<` as an HTML tag.
        Span::Text(text) => text.replace('<', "\\<"),
        Span::Code(text) => format!("`{text}`"),
        Span::Strong(text) => format!("**{text}**"),
        Span::Link { text, href } => format!("[{text}]({})", absolute_url(&href, public_url)),
    });
    pieces.collect()
}

fn absolute_url(href: &str, public_url: &str) -> String {
    if !href.starts_with('/') {
        return href.to_owned();
    }
    let (path, anchor) = href.split_once('#').map_or((href, None), |(path, anchor)| (path, Some(anchor)));
    let twin = if path == "/docs" || path.starts_with("/docs/") { ".md" } else { "" };
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    format!("{public_url}{path}{twin}{anchor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_point_to_markdown_and_cells_are_escaped() {
        let table = Table {
            caption: "Things".to_owned(),
            head: vec!["Name".to_owned(), "What".to_owned()],
            rows: vec![vec!["`a`".to_owned(), "x | <b> [y](/docs/errors#codes)".to_owned()]],
        };
        let text = render_page("T", "See [keys](/keys).", &[Block::Table(table)], "https://reef.test");
        let expected = "# T\n\nSee [keys](https://reef.test/keys).\n\n| Name | What |\n| --- | --- |\n\
                        | `a` | x \\| \\<b> [y](https://reef.test/docs/errors.md#codes) |\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn fence_is_longer_than_backticks_in_the_code() {
        let one = Code { language: "md".to_owned(), text: "```\n".to_owned() };
        assert_eq!(render_code(&one), "````md\n```\n````\n");
    }
}
