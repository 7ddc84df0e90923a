//! The events of tables.

use reef_protocols::telegram::EntityKind;

use super::Renderer;
use crate::markdown::table::Table;

/// How many characters a heading has at most that each line of a wide table repeats.
const HEADING_CHARS_MAX: usize = 80;

impl Renderer<'_> {
    pub(super) fn with_table(&mut self, change: impl FnOnce(&mut Table)) {
        if let Some(table) = &mut self.table {
            change(table);
        }
    }

    /// Adds what a row has beyond the columns of the headings, which the parser leaves out.
    pub(super) fn end_row(&mut self, end: usize) {
        let rest =
            self.source[self.cell_end.min(end)..end].trim_matches(|c: char| c.is_whitespace() || c == '|');
        if rest.is_empty() {
            return;
        }
        let rest = rest.to_owned();
        self.with_table(|table| {
            if let Some(row) = table.rows.last_mut() {
                row.push(rest);
            }
        });
    }

    pub(super) fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        if let Some(aligned) = table.aligned() {
            let from = self.out.text.len();
            self.push(&aligned);
            self.span(from, EntityKind::Pre { language: None });
            return;
        }
        for (index, row) in table.pairs().iter().enumerate() {
            if index > 0 {
                self.out.text.push('\n');
                self.new_line();
            }
            for (line, (heading, value)) in row.iter().enumerate() {
                if line > 0 {
                    self.new_line();
                }
                let is_repeated = index == 0 || heading.chars().count() <= HEADING_CHARS_MAX;
                if !heading.is_empty() && is_repeated {
                    let from = self.out.text.len();
                    self.push(heading);
                    self.push(":");
                    self.span(from, EntityKind::Bold);
                    self.push(" ");
                }
                self.push(value);
            }
        }
    }
}
