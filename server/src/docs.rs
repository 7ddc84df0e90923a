//! The API reference for programs: each page's Markdown, and the indexes for models. The pages for people are the
//! site's.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reef_docs::Docs;

use crate::api;

const MARKDOWN: HeaderValue = HeaderValue::from_static("text/markdown; charset=utf-8");
/// `llms.txt` is Markdown by another name, and its name says text.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// They change with the binary alone; after an upgrade nobody should read the old ones for long.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// All pages, made of the document that this server serves.
pub fn docs(public_url: &str) -> Arc<Docs> {
    Arc::new(Docs::new(&api::document(), public_url.trim_end_matches('/')))
}

/// `/docs.md`, `/docs/{page}.md`, `/llms.txt` and `/llms-full.txt`.
pub fn router(docs: &Docs) -> Router {
    let index =
        [("/llms.txt".to_owned(), TEXT, docs.llms()), ("/llms-full.txt".to_owned(), TEXT, docs.llms_full())];
    let pages =
        docs.pages().iter().map(|page| (format!("{}.md", page.path), MARKDOWN, page.markdown.as_str()));
    index.into_iter().chain(pages).fold(Router::new(), |router, (path, kind, text)| {
        let text: Arc<str> = text.into();
        router.route(&path, get(move || std::future::ready(answer(&kind, &text))))
    })
}

fn answer(kind: &HeaderValue, text: &Arc<str>) -> Response {
    let headers = [(header::CONTENT_TYPE, kind.clone()), (header::CACHE_CONTROL, CACHE)];
    (headers, text.to_string()).into_response()
}
