//! The pages of the real document, as the server's snapshot test holds it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod callbacks;
mod pages;
mod reference;
mod samples;

use std::sync::LazyLock;

use reef_docs::{Block, Code, Docs};
use serde_json::Value;

const URL: &str = "https://reef.test";

/// What `reef openapi` prints: a test of the server's compares the two.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let snapshot =
        include_str!("../../../../server/tests/http/snapshots/http__openapi__openapi_document.snap");
    let json = snapshot.splitn(3, "---\n").nth(2).unwrap();
    serde_json::from_str(json).unwrap()
});

static DOCS: LazyLock<Docs> = LazyLock::new(|| Docs::new(&DOCUMENT, URL));

/// All code on all pages, with the page it is on.
fn codes() -> Vec<(&'static str, &'static Code)> {
    let of_block = |block: &'static Block| match block {
        Block::Code(code) => std::slice::from_ref(code),
        Block::Tabs { codes, .. } => codes,
        _ => &[],
    };
    let of_page = |page: &'static reef_docs::Page| {
        page.blocks.iter().flat_map(of_block).map(|code| (page.path.as_str(), code))
    };
    DOCS.pages().iter().flat_map(of_page).collect()
}
