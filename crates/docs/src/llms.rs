//! The index for language models, in the format of llmstxt.org, and the text of all pages together.

use crate::document::{Document, text};
use crate::inline;
use crate::navigation::Group;
use crate::page::Page;

/// Renders the title, the summary, and a link to the Markdown of every page.
pub(crate) fn render_index(document: &Document<'_>, groups: &[Group], pages: &[Page]) -> String {
    let info = &document.root["info"];
    let summary = text(&info["description"]).lines().next().unwrap_or_default();
    let url = document.public_url;
    let mut index = format!("# {} API\n\n> {}\n", text(&info["title"]), inline::to_plain_text(summary));
    index.push_str(&format!(
        "\nThe OpenAPI document is at {url}/api/openapi. All pages in one file: {url}/llms-full.txt\n"
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

/// Joins the Markdown of all pages.
pub(crate) fn render_full(pages: &[Page]) -> String {
    let all: Vec<&str> = pages.iter().map(|page| page.markdown.as_str()).collect();
    all.join("\n---\n\n")
}
