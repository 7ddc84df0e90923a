//! The public API reference, made of the OpenAPI document that the server serves: pages as HTML and as Markdown.
//!
//! An endpoint has a page of its own, with everything on it taken from the document. Guides are written by hand
//! (`guides/*.md`) and name parts of the document where they need them. Both become [`block::Block`]s, which are
//! written as HTML for people and as Markdown for programs.

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
mod trial;

use serde_json::Value;

pub use block::{Block, Code};
pub use navigation::{Group, Link};
pub use page::{Page, TocEntry};

/// Every page of the reference.
#[derive(Debug)]
pub struct Docs {
    pages: Vec<Page>,
    groups: Vec<Group>,
    llms: String,
    llms_full: String,
}

impl Docs {
    /// Draws every page: `document` is the OpenAPI document, `public_url` where people reach the server, without a
    /// slash at its end. What the document lacks is left out of the pages.
    #[must_use]
    pub fn new(document: &Value, public_url: &str) -> Self {
        let document = document::Document { root: document, public_url };
        let drafts: Vec<page::Draft> =
            guides::all(&document).into_iter().chain(reference::all(&document)).collect();
        let groups = navigation::groups(&drafts);
        let pages: Vec<Page> = drafts.into_iter().map(|draft| draft.drawn(public_url)).collect();
        let (llms, llms_full) = (llms::index(&document, &groups, &pages), llms::full(&pages));
        Self { pages, groups, llms, llms_full }
    }

    /// The page at a path such as `/docs` or `/docs/quick-start`.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<&Page> {
        self.pages.iter().find(|page| page.path == path)
    }

    /// All pages, in the order of the navigation.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// The navigation: the guides, then the endpoints by their tags.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// `/llms.txt` (llmstxt.org): what this is, and a link to the Markdown of every page.
    #[must_use]
    pub fn llms(&self) -> &str {
        &self.llms
    }

    /// `/llms-full.txt`: the Markdown of all pages in one.
    #[must_use]
    pub fn llms_full(&self) -> &str {
        &self.llms_full
    }
}
