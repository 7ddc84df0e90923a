//! The content of pages, independent of HTML and Markdown. Texts may contain the inline markup of [`crate::inline`]: code,
//! strong text and links.

use crate::try_it::TryItForm;

/// A block of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 2 or 3. The only heading of level 1 is the title of the page.
    Heading {
        /// The level, which is 2 or 3.
        level: u8,
        /// The anchor, which is unique within the page.
        id: String,
        /// The text, with inline markup.
        text: String,
    },
    /// A paragraph, with inline markup.
    Paragraph(String),
    /// A note that stands out from the text.
    Note(String),
    /// An ordered or unordered list.
    List {
        /// Whether the items are numbered.
        is_ordered: bool,
        /// The items, with inline markup.
        items: Vec<String>,
    },
    /// A table. The first cell of each row is its header.
    Table(Table),
    /// A code block in one language.
    Code(Code),
    /// Tabs with the same code in several languages.
    Tabs {
        /// What the code does, for assistive technology.
        label: String,
        /// One code block per language.
        codes: Vec<Code>,
    },
    /// The method and the URL of an endpoint.
    Endpoint {
        /// The method, in upper case.
        method: String,
        /// The absolute URL, with `{name}` for path parameters.
        url: String,
    },
    /// A form that sends a request to the operation.
    TryIt(TryItForm),
}

/// A table, whose cells may contain inline markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What the table lists, for assistive technology.
    pub caption: String,
    /// The headers of the columns.
    pub head: Vec<String>,
    /// The rows, which have one cell per column.
    pub rows: Vec<Vec<String>>,
}

/// Code in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The language as in a Markdown fence, such as `python`.
    pub language: String,
    /// The code without a fence.
    pub text: String,
}

impl Code {
    /// Returns the name of the language for people, such as `JavaScript`.
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

/// Returns a heading whose anchor is derived from its text.
pub(crate) fn heading(level: u8, text: &str) -> Block {
    Block::Heading { level, id: slug(text), text: text.to_owned() }
}

pub(crate) fn paragraph(text: impl Into<String>) -> Block {
    Block::Paragraph(text.into())
}

/// Returns the text as lower-case letters and digits, with single dashes between words.
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
    fn slug_has_only_letters_digits_and_dashes() {
        assert_eq!(slug("Get the key's permissions"), "get-the-key-s-permissions");
        assert_eq!(slug("  `Retry-After`: how? "), "retry-after-how");
    }
}
