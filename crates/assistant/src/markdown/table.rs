//! Tables, as aligned text in a monospaced font, or as lines if they are too wide for the screen of a phone.

use pulldown_cmark::Alignment;
use unicode_width::UnicodeWidthStr as _;

/// How many columns a monospaced line has on a phone at least before it wraps. Wrapped tables are unreadable.
const COLUMNS_MAX: usize = 44;

/// A table whose cells are texts without formatting.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub alignments: Vec<Alignment>,
    /// The rows, of which the first has the headings.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds to the text of the last cell.
    pub(super) fn push(&mut self, text: &str) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.last_mut()) {
            cell.push_str(text);
        }
    }

    /// Renders the table in a monospaced font; `None` if it is too wide.
    pub(super) fn aligned(&self) -> Option<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        if widths.iter().sum::<usize>() + 3 * columns.saturating_sub(1) > COLUMNS_MAX {
            return None;
        }
        let mut lines: Vec<String> = self.rows.iter().map(|row| self.line(row, &widths)).collect();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        lines.insert(lines.len().min(1), rule.join("-+-"));
        Some(lines.join("\n"))
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cell = |(column, width): (usize, &usize)| {
            let text = row.get(column).map_or("", String::as_str);
            let room = width.saturating_sub(text.width());
            let before = match self.alignments.get(column) {
                Some(Alignment::Right) => room,
                Some(Alignment::Center) => room / 2,
                _ => 0,
            };
            format!("{}{text}{}", " ".repeat(before), " ".repeat(room - before))
        };
        let cells: Vec<String> = widths.iter().enumerate().map(cell).collect();
        cells.join(" | ").trim_end().to_owned()
    }

    /// Returns the cells of each row below the headings, each with its heading, without empty ones. A heading of an empty
    /// column is in the first row.
    pub(super) fn pairs(&self) -> Vec<Vec<(&str, &str)>> {
        fn cell(row: &[String], column: usize) -> &str {
            row.get(column).map_or("", String::as_str)
        }
        let Some((head, body)) = self.rows.split_first() else { return Vec::new() };
        if body.is_empty() {
            return vec![head.iter().map(|cell| ("", cell.as_str())).collect()];
        }
        let is_empty = |column: usize| body.iter().all(|row| cell(row, column).is_empty());
        let mut rows = Vec::with_capacity(body.len());
        for (index, row) in body.iter().enumerate() {
            let columns = 0..row.len().max(head.len());
            let is_shown =
                |column: &usize| !cell(row, *column).is_empty() || (index == 0 && is_empty(*column));
            rows.push(
                columns.filter(is_shown).map(|column| (cell(head, column), cell(row, column))).collect(),
            );
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> Table {
        let rows = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        Table { alignments: vec![Alignment::None, Alignment::Right], rows }
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let table = table(&[&["Name", "Price"], &["珊瑚", "$5"], &["e\u{301}", "$100", "extra"]]);
        let lines =
            ["Name | Price |", "-----+-------+------", "珊瑚 |    $5 |", "e\u{301}    |  $100 | extra"];
        assert_eq!(table.aligned().unwrap(), lines.join("\n"));
    }

    #[test]
    fn wide_table_is_not_aligned() {
        let long = "x".repeat(50);
        let table = table(&[&["A", "B"], &["1", &long], &["2"]]);
        assert_eq!(table.aligned(), None);
        assert_eq!(table.pairs(), [vec![("A", "1"), ("B", long.as_str())], vec![("A", "2")]]);
    }
}
