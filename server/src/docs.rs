//! The API reference for programs: the Markdown of each page, and the indexes for language models. The HTML pages are part
//! of the site.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_docs::Docs;

use crate::api;

const MARKDOWN: HeaderValue = HeaderValue::from_static("text/markdown; charset=utf-8");
/// `llms.txt` contains Markdown, but its extension stands for plain text.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The files change only with the binary. The time is short so that clients see a new version soon after an upgrade.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Builds the pages of the API reference from the OpenAPI document.
pub fn build(public_url: &str) -> Arc<Docs> {
    Arc::new(Docs::new(&api::document(), public_url.trim_end_matches('/')))
}

/// Serves `/docs.md`, `/docs/{page}.md`, `/llms.txt` and `/llms-full.txt`.
pub fn router(docs: &Docs) -> Router {
    let index =
        [("/llms.txt".to_owned(), TEXT, docs.llms()), ("/llms-full.txt".to_owned(), TEXT, docs.llms_full())];
    let pages =
        docs.pages().iter().map(|page| (format!("{}.md", page.path), MARKDOWN, page.markdown.as_str()));
    index.into_iter().chain(pages).fold(Router::new(), |router, (path, kind, text)| {
        let text: Arc<str> = text.into();
        router.route(&path, get(move || std::future::ready(respond(&kind, &text))))
    })
}

fn respond(kind: &HeaderValue, text: &Arc<str>) -> Response {
    let headers = [(header::CONTENT_TYPE, kind.clone()), (header::CACHE_CONTROL, CACHE_CONTROL)];
    (headers, text.to_string()).into_response()
}
