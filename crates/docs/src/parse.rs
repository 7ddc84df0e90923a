//! Parsing of the guides' Markdown: headings, paragraphs, lists, tables, quotes (which are notes) and fenced code.
//!
//! Consecutive code blocks become tabs, and a line `{{name argument}}` is replaced with part of the OpenAPI document.

use pulldown_cmark::{CodeBlockKind, Event, OffsetIter, Options, Parser, Tag, TagEnd};

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
    let mut reader =
        Reader { text, events: Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() };
    let title = reader.next_text();
    let lead = reader.next_text();
    let mut blocks: Vec<Block> = Vec::new();
    while let Some((event, _)) = reader.events.next() {
        let Event::Start(tag) = event else { continue };
        let Some(block) = reader.block(tag) else { continue };
        match as_directive(&block) {
            Some((name, argument)) => blocks.extend(insert(name, argument)),
            None => push_block(block, &mut blocks),
        }
    }
    Parsed { title, lead, blocks }
}

/// Returns the name and the argument if a paragraph is `{{name argument}}`.
fn as_directive(block: &Block) -> Option<(&str, &str)> {
    let Block::Paragraph(text) = block else { return None };
    let directive = text.strip_prefix("{{")?.strip_suffix("}}")?;
    Some(directive.split_once(' ').unwrap_or((directive, "")))
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

/// The events of a text, and the text itself, because blocks keep the source of their inline markup.
struct Reader<'a> {
    text: &'a str,
    events: OffsetIter<'a>,
}

impl Reader<'_> {
    /// Reads the block that begins with `tag`. A paragraph of a quote is a note.
    fn block(&mut self, tag: Tag<'_>) -> Option<Block> {
        Some(match tag {
            Tag::Heading { level, .. } => heading(level as u8, &self.source(TagEnd::Heading(level))),
            Tag::Paragraph => Block::Paragraph(self.source(TagEnd::Paragraph)),
            Tag::BlockQuote(kind) => Block::Note(self.source(TagEnd::BlockQuote(kind))),
            Tag::CodeBlock(kind) => Block::Code(self.code(&kind)),
            Tag::List(first) => {
                let items = self.sources(TagEnd::List(first.is_some()), TagEnd::Item);
                Block::List { is_ordered: first.is_some(), items }
            }
            Tag::Table(_) => self.table(),
            _ => return None,
        })
    }

    /// Returns the source of the next block.
    fn next_text(&mut self) -> String {
        match self.events.next() {
            Some((Event::Start(tag), _)) => self.source(tag.to_end()),
            _ => String::new(),
        }
    }

    /// Reads up to `end` and returns the source of the text before it, on one line.
    fn source(&mut self, end: TagEnd) -> String {
        let mut source = String::new();
        let mut line = 0..0;
        for (event, range) in self.events.by_ref() {
            match event {
                Event::End(tag) if tag == end => break,
                Event::SoftBreak | Event::HardBreak => {
                    source.push_str(&self.text[line.start..range.start]);
                    source.push(' ');
                    line = 0..0;
                }
                _ if line.is_empty() => line = range,
                _ => line.end = line.end.max(range.end),
            }
        }
        source.push_str(self.text[line].trim_end());
        source
    }

    /// Reads up to `end` and returns the source of each part that ends with `part`.
    fn sources(&mut self, end: TagEnd, part: TagEnd) -> Vec<String> {
        let mut sources = Vec::new();
        while let Some((event, _)) = self.events.next() {
            match event {
                Event::Start(tag) if tag.to_end() == part => sources.push(self.source(part)),
                Event::End(tag) if tag == end => break,
                _ => {}
            }
        }
        sources
    }

    /// Reads a table. The caption is the list of its columns.
    fn table(&mut self) -> Block {
        let (mut head, mut rows) = (Vec::new(), Vec::new());
        while let Some((event, _)) = self.events.next() {
            match event {
                Event::Start(Tag::TableHead) => head = self.sources(TagEnd::TableHead, TagEnd::TableCell),
                Event::Start(Tag::TableRow) => rows.push(self.sources(TagEnd::TableRow, TagEnd::TableCell)),
                Event::End(TagEnd::Table) => break,
                _ => {}
            }
        }
        Block::Table(Table { caption: head.join(", "), head, rows })
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>) -> Code {
        let mut text = String::new();
        for (event, _) in self.events.by_ref() {
            match event {
                Event::Text(line) => text.push_str(&line),
                Event::End(TagEnd::CodeBlock) => break,
                _ => {}
            }
        }
        let language = match kind {
            CodeBlockKind::Fenced(language) => language.to_string(),
            CodeBlockKind::Indented => String::new(),
        };
        Code { language, text: text.trim_end().to_owned() }
    }
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
