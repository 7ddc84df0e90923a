//! Turns the parser's events into text and spans.

mod tables;

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Tag, TagEnd};
use reef_protocols::telegram::EntityKind;

use super::links::is_link;
use super::table::Table;
use crate::formatted::{Formatted, Span};

const BULLET: &str = "• ";
/// How many enclosing blocks indent a line. Nobody reads deeper ones, and a line must not become much longer than its source.
const PREFIXES_MAX: usize = 8;
const RULE: &str = "──────────";

/// A list: the number of its last item in the source, and the one that is shown.
#[derive(Default)]
struct List {
    last: Option<(u64, u64)>,
}

/// A span that is not closed yet.
struct Open {
    from: usize,
    what: What,
}

enum What {
    Kind(EntityKind),
    /// An element whose text is shown without formatting.
    Nothing,
    /// A link or picture.
    Link {
        url: String,
        title: String,
    },
    /// Text between single tildes, which are kept.
    Tildes,
    Pre {
        language: Option<String>,
    },
}

pub(super) struct Renderer<'a> {
    source: &'a str,
    out: Formatted,
    open: Vec<Open>,
    lists: Vec<List>,
    /// What each line of the enclosing blocks begins with.
    prefixes: Vec<&'static str>,
    quotes: usize,
    links: usize,
    is_in_pre: bool,
    /// Whether the next block continues the line, because it is the first in an item or quote.
    continues_line: bool,
    table: Option<Table>,
    /// Where the last cell of the current row ended in the source.
    cell_end: usize,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self {
            source,
            out: Formatted::default(),
            open: Vec::new(),
            lists: Vec::new(),
            prefixes: Vec::new(),
            quotes: 0,
            links: 0,
            is_in_pre: false,
            continues_line: false,
            table: None,
            cell_end: 0,
        }
    }

    pub(super) fn finish(mut self) -> Formatted {
        // The outer one of two equal spans was closed last, and comes first.
        self.out.spans.reverse();
        self.out.spans.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
        self.out
    }

    pub(super) fn event(&mut self, event: Event<'a>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, &range),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.push(&text),
            Event::Code(text) => self.code(&text),
            Event::SoftBreak | Event::HardBreak if self.table.is_some() => self.push(" "),
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.block(range.start);
                self.push(RULE);
            }
            Event::TaskListMarker(is_done) => {
                if self.out.text.ends_with(BULLET) {
                    self.out.text.truncate(self.out.text.len() - BULLET.len());
                }
                self.push(if is_done { "☑ " } else { "☐ " });
            }
            // The options for these are off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.push(&text);
            }
        }
    }

    fn start(&mut self, tag: Tag<'a>, range: Range<usize>) {
        match tag {
            Tag::Heading { .. } => {
                self.block(range.start);
                self.open_kind(EntityKind::Bold);
            }
            Tag::BlockQuote(_) => self.start_quote(range.start),
            Tag::CodeBlock(kind) => self.start_code(kind, range.start),
            Tag::List(_) => self.lists.push(List::default()),
            Tag::Item => self.start_item(range.start),
            Tag::Table(alignments) => {
                self.block(range.start);
                self.table = Some(Table { alignments, rows: Vec::new() });
            }
            Tag::TableHead | Tag::TableRow => {
                self.cell_end = range.start;
                self.with_table(|table| table.rows.push(Vec::new()));
            }
            Tag::TableCell => self.with_table(|table| {
                if let Some(row) = table.rows.last_mut() {
                    row.push(String::new());
                }
            }),
            Tag::Emphasis => self.open_kind(EntityKind::Italic),
            Tag::Strong => self.open_kind(EntityKind::Bold),
            Tag::Strikethrough if self.source[range.start..].starts_with("~~") => {
                self.open_kind(EntityKind::Strikethrough);
            }
            Tag::Strikethrough => {
                self.push("~");
                self.open(What::Tildes);
            }
            Tag::Link { dest_url, title, .. } | Tag::Image { dest_url, title, .. } => {
                self.open(What::Link { url: dest_url.into_string(), title: title.into_string() });
                self.links += 1;
            }
            _ => self.block(range.start),
        }
    }

    fn end(&mut self, tag: TagEnd, range: &Range<usize>) {
        match tag {
            TagEnd::List(_) => {
                self.lists.pop();
                self.continues_line = false;
            }
            TagEnd::Item => {
                self.prefixes.pop();
                self.continues_line = false;
            }
            TagEnd::BlockQuote(_) => {
                self.quotes -= 1;
                self.prefixes.pop();
                self.close();
                self.continues_line = false;
            }
            TagEnd::TableCell => self.cell_end = range.end,
            TagEnd::TableHead | TagEnd::TableRow => self.end_row(range.end),
            TagEnd::Table => self.end_table(),
            TagEnd::Heading(_)
            | TagEnd::CodeBlock
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image => self.close(),
            TagEnd::HtmlBlock => self.out.text.truncate(self.out.text.trim_end().len()),
            _ => {}
        }
    }

    fn open(&mut self, what: What) {
        self.open.push(Open { from: self.out.text.len(), what });
    }

    fn open_kind(&mut self, kind: EntityKind) {
        // Bold text in bold text, as in headings, is just bold.
        let is_open = self.open.iter().any(|open| matches!(&open.what, What::Kind(other) if *other == kind));
        let is_shown = !is_open && self.table.is_none();
        self.open(if is_shown { What::Kind(kind) } else { What::Nothing });
    }

    fn close(&mut self) {
        let Some(Open { from, what }) = self.open.pop() else { return };
        match what {
            What::Nothing => {}
            What::Kind(kind) => self.span(from, kind),
            What::Tildes => self.push("~"),
            What::Pre { language } => {
                self.is_in_pre = false;
                if self.out.text.ends_with('\n') && self.out.text.len() > from {
                    self.out.text.pop();
                }
                match language {
                    // A block without code may be a word after three marks.
                    Some(language) if from == self.out.text.len() => {
                        self.push(&language);
                        self.span(from, EntityKind::Pre { language: None });
                    }
                    language => self.span(from, EntityKind::Pre { language }),
                }
            }
            What::Link { url, title } => self.end_link(from, url, &title),
        }
    }

    fn span(&mut self, from: usize, kind: EntityKind) {
        if from < self.out.text.len() {
            self.out.spans.push(Span { range: from..self.out.text.len(), kind });
        }
    }

    fn end_link(&mut self, from: usize, url: String, title: &str) {
        self.links -= 1;
        let is_shown = self.links == 0 && self.table.is_none() && is_link(&url);
        let visible = url.strip_prefix("mailto:").unwrap_or(&url);
        let label = self.label(from);
        let is_blank = label.trim().is_empty();
        let names_address = label.contains(visible);
        if is_blank {
            self.push(visible);
        }
        if is_shown {
            self.span(from, EntityKind::TextLink { url });
        } else if !is_blank && !names_address {
            self.push(&format!(" ({visible})"));
        }
        if !title.is_empty() {
            self.push(&format!(" ({title})"));
        }
    }

    /// Returns the text of a link that began at `from`.
    fn label(&self, from: usize) -> &str {
        match &self.table {
            None => &self.out.text[from..],
            Some(table) => table.rows.last().and_then(|row| row.last()).map_or("", String::as_str),
        }
    }

    /// Begins a block: on a line of its own, after an empty line if the source has one.
    fn block(&mut self, start: usize) {
        if std::mem::take(&mut self.continues_line) || self.out.text.is_empty() {
            return;
        }
        if is_after_blank_line(self.source, start) {
            self.out.text.push('\n');
        }
        self.new_line();
    }

    fn new_line(&mut self) {
        self.out.text.push('\n');
        for prefix in self.prefixes.iter().take(PREFIXES_MAX) {
            self.out.text.push_str(prefix);
        }
    }

    fn start_quote(&mut self, start: usize) {
        self.block(start);
        self.quotes += 1;
        // Quotations are not nested in Telegram, and they are whole lines.
        if self.quotes == 1 && self.lists.is_empty() {
            self.prefixes.push("");
            self.open(What::Kind(EntityKind::Blockquote));
        } else {
            self.prefixes.push("> ");
            self.out.text.push_str("> ");
            self.open(What::Nothing);
        }
        self.continues_line = true;
    }

    fn start_code(&mut self, kind: CodeBlockKind<'a>, start: usize) {
        // The lines of code are not indented, so neither is the first one.
        let prefixes = std::mem::take(&mut self.prefixes);
        self.block(start);
        self.prefixes = prefixes;
        let info = match kind {
            CodeBlockKind::Indented => CowStr::from(""),
            CodeBlockKind::Fenced(info) => info,
        };
        let language = (!info.is_empty() && is_language(&info)).then(|| info.to_string());
        let is_text = language.is_none() && !info.is_empty();
        self.open(What::Pre { language });
        self.is_in_pre = true;
        if is_text {
            self.push(&info);
            self.push("\n");
        }
    }

    fn start_item(&mut self, start: usize) {
        self.block(start);
        let marker = self.source[start..].trim_start_matches([' ', '\t']);
        let digits = &marker[..marker.len() - marker.trim_start_matches(|c: char| c.is_ascii_digit()).len()];
        if let Ok(number) = digits.parse::<u64>() {
            let end = if marker[digits.len()..].starts_with(')') { ')' } else { '.' };
            let shown = self.number(number);
            self.out.text.push_str(&format!("{shown}{end} "));
        } else {
            self.out.text.push_str(BULLET);
        }
        self.prefixes.push("  ");
        self.continues_line = true;
    }

    /// Returns the number that an item is shown with: that of the source, unless all items have the same one.
    fn number(&mut self, number: u64) -> u64 {
        let Some(list) = self.lists.last_mut() else { return number };
        let shown = match list.last {
            Some((last, shown)) if last == number => shown.saturating_add(1),
            _ => number,
        };
        list.last = Some((number, shown));
        shown
    }

    fn code(&mut self, text: &str) {
        let from = self.out.text.len();
        self.push(text);
        // A link may not contain code, and is worth more.
        if self.links == 0 && self.table.is_none() {
            self.span(from, EntityKind::Code);
        }
    }

    fn push(&mut self, text: &str) {
        self.continues_line = false;
        if let Some(table) = &mut self.table {
            table.push(text);
            return;
        }
        // Telegram removes carriage returns and replaces other control characters.
        let shown = |c: &char| *c != '\r';
        let clean = |c: char| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
        self.out.text.extend(text.chars().filter(shown).map(clean));
    }
}

/// Whether the line before the one with `start` is empty, apart from the marks of quotations.
fn is_after_blank_line(source: &str, start: usize) -> bool {
    let Some(line_end) = source[..start].rfind('\n') else { return false };
    let line_start = source[..line_end].rfind('\n').map_or(0, |at| at + 1);
    source[line_start..line_end].chars().all(|c| c.is_whitespace() || c == '>')
}

/// Whether what follows a fence looks like the name of a language rather than like text.
fn is_language(info: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '#' | '-' | '_' | '.');
    info.len() <= 30 && info.chars().all(fits)
}
