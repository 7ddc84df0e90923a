//! Parsing of the guides' Markdown: headings, paragraphs, lists, tables, quotes (which are notes) and fenced code.
//!
//! Consecutive code blocks become tabs, and a line `{{name argument}}` is replaced with part of the OpenAPI document.

use crate::block::{Block, Code, Table, heading};

/// A parsed guide: its title, its first paragraph, and the remaining blocks.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) title: String,
    pub(crate) lead: String,
    pub(crate) blocks: Vec<Block>,
}

/// Parses a guide. `insert` returns the blocks that replace `{{name argument}}`.
pub(crate) fn parse_guide(text: &str, insert: &dyn Fn(&str, &str) -> Vec<Block>) -> Parsed {
    let mut chunks = split_blocks(text).into_iter();
    let title = chunks.next().unwrap_or_default().trim_start_matches("# ").to_owned();
    let lead = join_lines(&chunks.next().unwrap_or_default());
    let mut blocks: Vec<Block> = Vec::new();
    for chunk in chunks {
        if let Some(directive) = chunk.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            let (name, argument) = directive.split_once(' ').unwrap_or((directive, ""));
            blocks.extend(insert(name, argument));
        } else {
            push_block(parse_block(&chunk), &mut blocks);
        }
    }
    Parsed { title, lead, blocks }
}

/// Appends a block. Consecutive code blocks are merged into tabs.
fn push_block(block: Block, blocks: &mut Vec<Block>) {
    let Block::Code(code) = block else { return blocks.push(block) };
    match blocks.pop() {
        Some(Block::Tabs { label, mut codes }) => {
            codes.push(code);
            blocks.push(Block::Tabs { label, codes });
        }
        Some(Block::Code(before)) => {
            let label = last_heading(blocks).unwrap_or("Example").to_owned();
            blocks.push(Block::Tabs { label, codes: vec![before, code] });
        }
        other => blocks.extend(other.into_iter().chain([Block::Code(code)])),
    }
}

fn last_heading(blocks: &[Block]) -> Option<&str> {
    blocks.iter().rev().find_map(|block| match block {
        Block::Heading { text, .. } => Some(text.as_str()),
        _ => None,
    })
}

/// Splits a text at empty lines. A fenced block stays whole even if it contains empty lines.
fn split_blocks(text: &str) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let (mut is_open, mut is_fenced) = (false, false);
    for line in text.lines() {
        if line.is_empty() && !is_fenced {
            is_open = false;
            continue;
        }
        match chunks.last_mut().filter(|_| is_open) {
            Some(chunk) => {
                chunk.push('\n');
                chunk.push_str(line);
            }
            None => chunks.push(line.to_owned()),
        }
        is_open = true;
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        }
    }
    chunks
}

fn parse_block(chunk: &str) -> Block {
    if let Some(text) = chunk.strip_prefix("### ") {
        heading(3, text)
    } else if let Some(text) = chunk.strip_prefix("## ") {
        heading(2, text)
    } else if let Some(text) = chunk.strip_prefix("> ") {
        Block::Note(join_lines(&text.replace("\n> ", "\n")))
    } else if let Some(fenced) = chunk.strip_prefix("```") {
        let (language, code) = fenced.split_once('\n').unwrap_or((fenced, ""));
        let text = code.strip_suffix("```").unwrap_or(code).trim_end();
        Block::Code(Code { language: language.to_owned(), text: text.to_owned() })
    } else if chunk.starts_with("| ") {
        parse_table(chunk)
    } else if chunk.starts_with("- ") {
        Block::List { is_ordered: false, items: parse_items(chunk, "- ") }
    } else if chunk.starts_with("1. ") {
        Block::List { is_ordered: true, items: parse_items(chunk, "1. ") }
    } else {
        Block::Paragraph(join_lines(chunk))
    }
}

/// Splits a list into its items, each of which begins with `mark` and may continue on the following lines.
fn parse_items(chunk: &str, mark: &str) -> Vec<String> {
    let marked = format!("\n{chunk}");
    let separator = format!("\n{mark}");
    marked.split(separator.as_str()).skip(1).map(join_lines).collect()
}

/// Parses a table, whose second line is a rule. The caption is the list of its columns.
fn parse_table(chunk: &str) -> Block {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut lines = chunk.lines();
    let head: Vec<String> = lines.next().map(cells).unwrap_or_default();
    let rows = lines.skip(1).map(cells).collect();
    Block::Table(Table { caption: head.join(", "), head, rows })
}

fn join_lines(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guide_becomes_blocks() {
        let text = "# Title\n\nLead\nline.\n\n## Part\n\n- a\n  b\n- c\n\n```sh\nx\n\ny\n```\n\n```python\nz\n```\n\n\
                    | A | B |\n| --- | --- |\n| 1 | 2 |\n\n> Note\n> well.\n\n{{part Of it}}\n";
        let parsed =
            parse_guide(text, &|name, argument| vec![Block::Paragraph(format!("{name}={argument}"))]);
        assert_eq!((parsed.title.as_str(), parsed.lead.as_str()), ("Title", "Lead line."));
        let code = |language: &str, text: &str| Code { language: language.to_owned(), text: text.to_owned() };
        let expected = [
            Block::Heading { level: 2, id: "part".to_owned(), text: "Part".to_owned() },
            Block::List { is_ordered: false, items: vec!["a b".to_owned(), "c".to_owned()] },
            Block::Tabs { label: "Part".to_owned(), codes: vec![code("sh", "x\n\ny"), code("python", "z")] },
            Block::Table(Table {
                caption: "A, B".to_owned(),
                head: vec!["A".to_owned(), "B".to_owned()],
                rows: vec![vec!["1".to_owned(), "2".to_owned()]],
            }),
            Block::Note("Note well.".to_owned()),
            Block::Paragraph("part=Of it".to_owned()),
        ];
        assert_eq!(parsed.blocks, expected);
    }
}
