//! What pages are made of, before it is HTML or Markdown. Texts may have code, strong words and links in them, as
//! Markdown has them ([`crate::inline`]).

use crate::trial::Trial;

/// A part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 2 or 3 with its anchor. A page's only heading of level 1 is its title.
    Heading {
        /// 2 or 3.
        level: u8,
        /// The anchor, unique in its page.
        id: String,
        /// Its words.
        text: String,
    },
    /// A paragraph.
    Paragraph(String),
    /// Something not to be missed.
    Note(String),
    /// A list.
    List {
        /// Whether its order matters.
        is_ordered: bool,
        /// Its entries.
        items: Vec<String>,
    },
    /// A table; each row's first cell names it.
    Table(Table),
    /// Code.
    Code(Code),
    /// The same in several languages.
    Tabs {
        /// What it is that all of them do.
        label: String,
        /// One a language.
        codes: Vec<Code>,
    },
    /// Method and URL of an endpoint.
    Endpoint {
        /// In capitals.
        method: String,
        /// With the server before it.
        url: String,
    },
    /// A form to try an operation with.
    Trial(Trial),
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it lists, for those who cannot see it.
    pub caption: String,
    /// Its columns.
    pub head: Vec<String>,
    /// Its rows, each with a cell a column.
    pub rows: Vec<Vec<String>>,
}

/// Code in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// As Markdown's fences name it, such as `python`.
    pub language: String,
    /// The code.
    pub text: String,
}

impl Code {
    /// The language as people write it.
    #[must_use]
    pub fn label(&self) -> &str {
        match self.language.as_str() {
            "sh" => "curl",
            "python" => "Python",
            "javascript" => "JavaScript",
            "rust" => "Rust",
            "json" => "JSON",
            "http" => "HTTP",
            other => other,
        }
    }
}

/// A heading with an anchor made of its words.
pub(crate) fn heading(level: u8, text: &str) -> Block {
    Block::Heading { level, id: slug(text), text: text.to_owned() }
}

/// A paragraph.
pub(crate) fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph(text.into())
}

/// Lower-case letters and digits, with single dashes between.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn slugs_are_plain() {
        assert_eq!(slug("Get the key's own rights"), "get-the-key-s-own-rights");
        assert_eq!(slug("  `Retry-After`: how? "), "retry-after-how");
    }
}
