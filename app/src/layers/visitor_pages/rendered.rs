//! A page as bytes and headers, with its tag.

use axum::body::{self, Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::etag::matches_etag;

/// A browser may store the page, because nothing in it is about anybody, and asks before each use whether it is current: the answer
/// to a user who has signed in meanwhile is another page. Caches that several people share store nothing.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A rendered page.
#[derive(Debug)]
pub(super) struct Rendered {
    html: Bytes,
    /// The tag with its quotes.
    etag: String,
    /// The headers of both responses, the page and 304. A browser replaces the headers of the page that it has stored by those of
    /// 304, so 304 must have the page's own content security policy.
    common: HeaderMap,
    content_type: HeaderValue,
}

impl Rendered {
    /// Makes a page of a response.
    ///
    /// # Errors
    /// The response, if it is not a successful page or sets a cookie.
    pub(super) async fn from_response(response: Response) -> Result<Self, Box<Response>> {
        let headers = response.headers();
        let content_type = headers.get(header::CONTENT_TYPE).cloned();
        let Some(content_type) = content_type.filter(|kind| kind.as_bytes().starts_with(b"text/html")) else {
            return Err(Box::new(response));
        };
        if response.status() != StatusCode::OK || headers.contains_key(header::SET_COOKIE) {
            return Err(Box::new(response));
        }
        let (parts, content) = response.into_parts();
        // The page was rendered by this process, so its size needs no limit.
        let Ok(html) = body::to_bytes(content, usize::MAX).await else {
            return Err(Box::new(StatusCode::INTERNAL_SERVER_ERROR.into_response()));
        };
        Ok(Self::new(html, content_type, parts.headers))
    }

    fn new(html: Bytes, content_type: HeaderValue, mut common: HeaderMap) -> Self {
        for of_body in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
            common.remove(of_body);
        }
        let etag = etag(&html, &common);
        common.insert(header::CACHE_CONTROL, REVALIDATE);
        common.insert(header::VARY, HeaderValue::from_static("cookie"));
        common.insert(header::ETAG, etag.1);
        Self { html, etag: etag.0, common, content_type }
    }

    /// The bytes that the page is held in. Its headers are few, and not counted.
    pub(super) const fn size(&self) -> usize {
        self.html.len()
    }

    /// The response to a request with these headers: the page, or 304 if the browser has it.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        if matches_etag(request.get_all(header::IF_NONE_MATCH), &self.etag) {
            return (StatusCode::NOT_MODIFIED, self.common.clone()).into_response();
        }
        let mut response = Response::new(Body::from(self.html.clone()));
        *response.headers_mut() = self.common.clone();
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type.clone());
        response
    }
}

/// A strong tag: a hash of the bytes, and of the headers, so that a changed policy reaches browsers that have the page.
fn etag(html: &[u8], headers: &HeaderMap) -> (String, HeaderValue) {
    let mut hash = Sha256::new().chain_update(html);
    for (name, value) in headers {
        hash = hash.chain_update(name).chain_update(value);
    }
    let tag = format!("\"{}\"", HEXLOWER.encode(&hash.finalize()[..16]));
    let value = HeaderValue::from_str(&tag).expect("a quoted hexadecimal number is a valid header value");
    (tag, value)
}

#[cfg(test)]
mod tests {
    use axum::response::Html;

    use super::*;

    async fn page(policy: &'static str) -> Rendered {
        let response = ([(header::CONTENT_SECURITY_POLICY, policy)], Html("<p>Reef</p>")).into_response();
        Rendered::from_response(response).await.unwrap()
    }

    #[tokio::test]
    async fn known_tag_gets_304_with_policy() {
        let page = page("default-src 'self'").await;
        let fresh = page.respond(&HeaderMap::new());
        assert_eq!(fresh.status(), StatusCode::OK);
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, fresh.headers()[header::ETAG].clone())]);
        let again = page.respond(&known);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let names = [header::CONTENT_SECURITY_POLICY, header::ETAG, header::CACHE_CONTROL, header::VARY];
        for name in names {
            assert_eq!(again.headers()[&name], fresh.headers()[&name], "{name}");
        }
        assert!(!again.headers().contains_key(header::CONTENT_TYPE));
    }

    #[tokio::test]
    async fn tag_changes_with_policy() {
        let (first, same, other) = (page("a").await, page("a").await, page("b").await);
        assert_eq!(first.etag, same.etag);
        assert_ne!(first.etag, other.etag);
    }

    #[tokio::test]
    async fn response_for_one_visitor_is_no_page_for_all() {
        let cookie = ([(header::SET_COOKIE, "a=b")], Html("")).into_response();
        let missing = (StatusCode::NOT_FOUND, Html("")).into_response();
        for response in [cookie, missing, "text".into_response()] {
            assert!(Rendered::from_response(response).await.is_err());
        }
    }
}
