//! Tests of the pages that are generated from the server's OpenAPI document.
#![expect(clippy::unwrap_used, reason = "a panic fails the test")]

mod callbacks;
mod pages;
mod reference;
mod samples;

use std::sync::LazyLock;

use reef_docs::{Block, Code, Docs};
use serde_json::Value;

const URL: &str = "https://reef.test";

/// The output of `reef openapi`, from a snapshot that a test of the server compares with it.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let snapshot =
        include_str!("../../../../server/tests/http/snapshots/http__openapi__openapi_document.snap");
    let json = snapshot.splitn(3, "---\n").nth(2).unwrap();
    serde_json::from_str(json).unwrap()
});

static DOCS: LazyLock<Docs> = LazyLock::new(|| Docs::new(&DOCUMENT, URL));

/// Returns all code blocks and the paths of their pages.
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
