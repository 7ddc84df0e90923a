//! What programs that read are given: the index as llmstxt.org has it, and everything in one text.

use crate::document::{Document, text};
use crate::inline;
use crate::navigation::Group;
use crate::page::Page;

/// Title, summary, and a link to the Markdown of every page.
pub(crate) fn index(document: &Document<'_>, groups: &[Group], pages: &[Page]) -> String {
    let info = &document.root["info"];
    let summary = text(&info["description"]).lines().next().unwrap_or_default();
    let url = document.public_url;
    let mut index = format!("# {} API\n\n> {}\n", text(&info["title"]), inline::plain(summary));
    index.push_str(&format!(
        "\nThe OpenAPI document is at {url}/api/openapi. All pages in one: {url}/llms-full.txt\n"
    ));
    for group in groups {
        index.push_str(&format!("\n## {}\n\n", group.title));
        for link in &group.links {
            let Some(page) = pages.iter().find(|page| page.path == link.path) else { continue };
            index.push_str(&format!("- [{}]({url}{}.md): {}\n", page.title, page.path, page.description));
        }
    }
    index
}

/// The Markdown of all pages.
pub(crate) fn full(pages: &[Page]) -> String {
    let all: Vec<&str> = pages.iter().map(|page| page.markdown.as_str()).collect();
    all.join("\n---\n\n")
}
