//! A page, before and after it is rendered.

use crate::block::Block;
use crate::{html, inline, markdown};

/// Search engines truncate longer descriptions.
const DESCRIPTION_MAX: usize = 155;

/// A page of the reference.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path, such as `/docs` or `/docs/quick-start`. The Markdown is at the same path with `.md`.
    pub path: String,
    /// The title and only heading of level 1, with inline markup.
    pub title: String,
    /// A description without markup of at most 155 characters, for search engines.
    pub description: String,
    /// The content as an HTML fragment, which begins with its `<h1>`.
    pub html: String,
    /// The content as Markdown.
    pub markdown: String,
    /// The headings of level 2, for a table of contents.
    pub toc: Vec<TocEntry>,
    /// The blocks that the content is rendered from.
    pub blocks: Vec<Block>,
}

/// An entry of a table of contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TocEntry {
    /// The anchor of the heading, without `#`.
    pub id: String,
    /// The text of the heading, without markup.
    pub text: String,
}

/// A page before it is rendered.
pub(crate) struct Draft {
    /// The last segment of the path, or empty for the first page.
    pub(crate) slug: String,
    pub(crate) title: String,
    /// The label in the navigation.
    pub(crate) label: String,
    /// The first paragraph, with inline markup.
    pub(crate) lead: String,
    /// The group of the navigation.
    pub(crate) group: String,
    /// The method in upper case, if the page is about an endpoint.
    pub(crate) method: Option<String>,
    pub(crate) blocks: Vec<Block>,
}

impl Draft {
    pub(crate) fn path(&self) -> String {
        if self.slug.is_empty() { "/docs".to_owned() } else { format!("/docs/{}", self.slug) }
    }

    pub(crate) fn render(self, public_url: &str) -> Page {
        let toc = self.blocks.iter().filter_map(|block| match block {
            Block::Heading { level: 2, id, text } => {
                Some(TocEntry { id: id.clone(), text: inline::to_plain_text(text) })
            }
            _ => None,
        });
        Page {
            path: self.path(),
            description: truncate(&inline::to_plain_text(&self.lead)),
            html: html::render_page(&self.title, &self.lead, &self.blocks),
            markdown: markdown::render_page(&self.title, &self.lead, &self.blocks, public_url),
            toc: toc.collect(),
            title: self.title,
            blocks: self.blocks,
        }
    }
}

/// Truncates a description after a whole word.
fn truncate(text: &str) -> String {
    if text.chars().count() <= DESCRIPTION_MAX {
        return text.to_owned();
    }
    let mut short = String::new();
    for word in text.split(' ') {
        if short.chars().count() + word.chars().count() + 2 > DESCRIPTION_MAX {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    format!("{}…", short.trim_end_matches([',', ';', ':', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_description_ends_with_a_whole_word() {
        assert_eq!(truncate("Short."), "Short.");
        let long = truncate(&"word ".repeat(60));
        assert!(long.ends_with("word…") && long.chars().count() <= DESCRIPTION_MAX, "{long}");
    }
}
