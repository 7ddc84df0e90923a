//! The public API reference, generated from the OpenAPI document as HTML and Markdown.
//!
//! Each endpoint has a page that is taken entirely from the document. Guides (`guides/*.md`) are written by hand and
//! include parts of the document. Both become [`block::Block`]s, which are rendered as HTML for people and as Markdown for
//! programs.

mod block;
mod document;
mod guides;
mod html;
mod inline;
mod llms;
mod markdown;
mod navigation;
mod page;
mod parse;
mod reference;
mod samples;
mod schema;
mod tables;
mod try_it;

use serde_json::Value;

pub use block::{Block, Code};
pub use navigation::{Group, Link};
pub use page::{Page, TocEntry};

/// The pages of the reference.
#[derive(Debug)]
pub struct Docs {
    pages: Vec<Page>,
    groups: Vec<Group>,
    llms: String,
    llms_full: String,
}

impl Docs {
    /// Renders every page. `document` is the OpenAPI document, and `public_url` is the public URL of the server without a
    /// trailing slash. Parts that the document lacks are omitted from the pages.
    #[must_use]
    pub fn new(document: &Value, public_url: &str) -> Self {
        let document = document::Document { root: document, public_url };
        let drafts: Vec<page::Draft> =
            guides::drafts(&document).into_iter().chain(reference::drafts(&document)).collect();
        let groups = navigation::groups(&drafts);
        let pages: Vec<Page> = drafts.into_iter().map(|draft| draft.render(public_url)).collect();
        let (llms, llms_full) = (llms::render_index(&document, &groups, &pages), llms::render_full(&pages));
        Self { pages, groups, llms, llms_full }
    }

    /// Finds the page at a path such as `/docs` or `/docs/quick-start`.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<&Page> {
        self.pages.iter().find(|page| page.path == path)
    }

    /// Returns all pages, in navigation order.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Returns the navigation: the guides, and then the endpoints by tag.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns `/llms.txt` (see llmstxt.org): a summary, and a link to the Markdown of every page.
    #[must_use]
    pub fn llms(&self) -> &str {
        &self.llms
    }

    /// Returns `/llms-full.txt`: the Markdown of all pages.
    #[must_use]
    pub fn llms_full(&self) -> &str {
        &self.llms_full
    }
}
