//! A text with formatting, before it is split into messages. Telegram's rules about entities are applied when a message is made of
//! it: which may contain which, that none begins or ends with white space, and how many there may be.

use std::ops::Range;

use reef_protocols::telegram::{EntityKind, TextEntity};

use crate::memory::{Part, Style};

/// The maximum number of entities of a message. Telegram ignores more (Bot API FAQ, limits of messages).
pub(crate) const ENTITIES_MAX: usize = 100;

/// A text with formatting. Spans contain each other or have nothing in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Formatted {
    pub text: String,
    pub spans: Vec<Span>,
}

/// The formatting of a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub range: Range<usize>,
    pub kind: EntityKind,
}

impl Span {
    pub(crate) fn is_pre(&self) -> bool {
        matches!(self.kind, EntityKind::Pre { .. })
    }

    /// Whether the span contains no other one.
    fn is_code(&self) -> bool {
        self.kind == EntityKind::Code || self.is_pre()
    }
}

impl Formatted {
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), spans: Vec::new() }
    }

    /// Returns a range of bytes of the text with its formatting.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let clip = |span: &Span| {
            let start = span.range.start.max(range.start);
            let end = span.range.end.min(range.end);
            let kind = || span.kind.clone();
            (start < end).then(|| Span { range: start - range.start..end - range.start, kind: kind() })
        };
        Self {
            text: self.text[range.clone()].to_owned(),
            spans: self.spans.iter().filter_map(clip).collect(),
        }
    }

    /// Returns the block of code that contains a position and continues there.
    pub(crate) fn pre_around(&self, at: usize) -> Option<Range<usize>> {
        let contains = |span: &&Span| span.is_pre() && span.range.start < at && at < span.range.end;
        self.spans.iter().find(contains).map(|span| span.range.clone())
    }

    /// Makes a message of the text; `None` if it is blank.
    pub(crate) fn into_part(self) -> Option<Part> {
        let start = self.first_shown();
        let end = self.text.trim_end().len();
        if start >= end {
            return None;
        }
        let shown = self.slice(start..end);
        let entities = shown.entities();
        Some(Part { text: shown.text, style: Style::Plain, entities })
    }

    /// Where the shown text begins: the indentation of code is kept, other white space is not.
    fn first_shown(&self) -> usize {
        let code = self.spans.iter().filter(|span| span.is_pre()).map(|span| span.range.start).min();
        let before = &self.text[..code.unwrap_or(self.text.len())];
        let blank = before.len() - before.trim_start().len();
        let lines = self.text[blank..].len() - self.text[blank..].trim_start_matches(['\n', '\r']).len();
        blank + lines
    }

    /// Restores the text of a message.
    pub(crate) fn from_part(part: &Part) -> Self {
        let mut bytes = Vec::with_capacity(part.text.len());
        for (at, character) in part.text.char_indices() {
            bytes.extend(std::iter::repeat_n(at, character.len_utf16()));
        }
        let at = |units: usize| bytes.get(units).copied().unwrap_or(part.text.len());
        let span = |entity: &TextEntity| Span {
            range: at(entity.offset)..at(entity.offset + entity.length),
            kind: entity.kind.clone(),
        };
        Self { text: part.text.clone(), spans: part.entities.iter().map(span).collect() }
    }

    /// Returns the entities that Telegram accepts for this text, in order.
    fn entities(&self) -> Vec<TextEntity> {
        let mut spans = self.shown_spans();
        if spans.len() > ENTITIES_MAX {
            // Without its address a link is lost, and without its font a table. Bold text without emphasis is still text.
            spans.sort_by_key(|span| {
                (!matches!(span.kind, EntityKind::TextLink { .. } | EntityKind::Pre { .. }), span.range.start)
            });
            spans.truncate(ENTITIES_MAX);
        }
        spans.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
        let mut units = Utf16Offsets { text: &self.text, byte: 0, units: 0 };
        let mut starts: Vec<usize> = Vec::with_capacity(spans.len());
        for span in &spans {
            starts.push(units.at(span.range.start));
        }
        let entity = |(span, offset): (Span, usize)| {
            let length = self.text[span.range].encode_utf16().count();
            TextEntity { kind: span.kind, offset, length }
        };
        spans.into_iter().zip(starts).map(entity).collect()
    }

    /// Returns the spans without white space at their edges, and without code in those that may not contain any.
    fn shown_spans(&self) -> Vec<Span> {
        let code: Vec<&Span> = self.spans.iter().filter(|span| span.is_code()).collect();
        let mut shown = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            let pieces = match &span.kind {
                EntityKind::Bold | EntityKind::Italic | EntityKind::Strikethrough => {
                    without(&span.range, &code)
                }
                _ => vec![span.range.clone()],
            };
            let trimmed = pieces.into_iter().filter_map(|piece| self.trimmed(piece, &span.kind));
            shown.extend(trimmed.map(|range| Span { range, kind: span.kind.clone() }));
        }
        shown
    }

    /// Trims white space, but not the indentation of code and of what is quoted; `None` if nothing is left.
    fn trimmed(&self, range: Range<usize>, kind: &EntityKind) -> Option<Range<usize>> {
        let text = &self.text[range.clone()];
        let is_block = matches!(kind, EntityKind::Pre { .. } | EntityKind::Blockquote);
        let is_trimmed = |c: char| if is_block { matches!(c, '\n' | '\r') } else { c.is_whitespace() };
        let start = range.start + text.len() - text.trim_start_matches(is_trimmed).len();
        let end = range.start + text.trim_end_matches(is_trimmed).len();
        let is_blank = start >= end || self.text[start..end].trim().is_empty();
        (!is_blank).then_some(start..end)
    }
}

/// Returns the pieces of a range that no code covers.
fn without(range: &Range<usize>, code: &[&Span]) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut from = range.start;
    for span in code.iter().filter(|span| span.range.start < range.end && span.range.end > range.start) {
        if from < span.range.start {
            pieces.push(from..span.range.start);
        }
        from = from.max(span.range.end);
    }
    if from < range.end {
        pieces.push(from..range.end);
    }
    pieces
}

/// Converts byte offsets, in ascending order, to UTF-16 offsets.
struct Utf16Offsets<'a> {
    text: &'a str,
    byte: usize,
    units: usize,
}

impl Utf16Offsets<'_> {
    fn at(&mut self, byte: usize) -> usize {
        self.units += self.text[self.byte..byte].encode_utf16().count();
        self.byte = byte;
        self.units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(range: Range<usize>, kind: EntityKind) -> Span {
        Span { range, kind }
    }

    #[test]
    fn code_is_cut_out_of_emphasis() {
        let text = "a `b` c".replace('`', " ");
        let spans = vec![span(0..7, EntityKind::Bold), span(3..4, EntityKind::Code)];
        let part = Formatted { text, spans }.into_part().unwrap();
        let found: Vec<_> = part.entities.iter().map(|entity| (entity.offset, entity.length)).collect();
        assert_eq!(found, [(0, 1), (3, 1), (6, 1)]);
        assert_eq!(part.entities[1].kind, EntityKind::Code);
    }

    #[test]
    fn offsets_are_utf16_units_of_the_trimmed_text() {
        let text = " \n 😀 bold ".to_owned();
        let spans = vec![span(3..12, EntityKind::Bold)];
        let part = Formatted { text, spans }.into_part().unwrap();
        assert_eq!((part.text.as_str(), part.entities.len()), ("😀 bold", 1));
        assert_eq!((part.entities[0].offset, part.entities[0].length), (0, 7));
        let back = Formatted::from_part(&part);
        assert_eq!(back.spans[0].range, 0..part.text.len());
        assert_eq!(Formatted::plain(" \n").into_part(), None);
    }

    #[test]
    fn links_are_kept_when_there_are_too_many_entities() {
        let text = "ab ".repeat(120);
        let url = EntityKind::TextLink { url: "https://e.org/".to_owned() };
        let kind = |index: usize| if index < 110 { EntityKind::Bold } else { url.clone() };
        let spans = (0..120).map(|index| span(index * 3..index * 3 + 2, kind(index))).collect();
        let part = Formatted { text, spans }.into_part().unwrap();
        assert_eq!(part.entities.len(), ENTITIES_MAX);
        assert_eq!(part.entities.iter().filter(|entity| entity.kind == url).count(), 10);
        assert!(part.entities.is_sorted_by_key(|entity| entity.offset));
    }

    #[test]
    fn indentation_of_code_at_the_beginning_is_kept() {
        let text = "\n    let x;\n".to_owned();
        let spans = vec![span(1..12, EntityKind::Pre { language: None })];
        let part = Formatted { text, spans }.into_part().unwrap();
        assert_eq!(part.text, "    let x;");
        assert_eq!((part.entities[0].offset, part.entities[0].length), (0, 10));
    }
}
