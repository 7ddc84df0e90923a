//! Leptos sends its hydration scripts after `</html>`, where HTML allows no elements. This layer moves them into the body.

use axum::body::{self, Body};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const BODY_ENDS: &[u8] = b"</body></html>";

/// Moves everything after `</html>` to the end of the body. Pages are not streamed, so this delays nothing.
pub async fn end_at_their_end(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/html")) {
        return response;
    }
    let (mut parts, content) = response.into_parts();
    // The page was rendered by this process, so its size needs no limit.
    let Ok(page) = body::to_bytes(content, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    let page = moved_in(&page).map_or(Body::from(page), Body::from);
    Response::from_parts(parts, page)
}

/// Returns the changed page, or `None` if nothing follows `</html>`.
fn moved_in(page: &[u8]) -> Option<Vec<u8>> {
    let end = page.windows(BODY_ENDS.len()).rposition(|part| part == BODY_ENDS)?;
    let (document, rest) = page.split_at(end);
    let behind = rest.strip_prefix(BODY_ENDS)?;
    (!behind.is_empty()).then(|| [document, behind, BODY_ENDS].concat())
}

#[cfg(test)]
mod tests {
    use super::moved_in;

    #[test]
    fn what_follows_a_document_is_moved_into_its_body() {
        let moved = moved_in(b"<html><body>a</body></html><script>1</script>").unwrap();
        assert_eq!(moved, b"<html><body>a<script>1</script></body></html>");
        for whole in [&b"<html><body>a</body></html>"[..], b"<p>a", b""] {
            assert_eq!(moved_in(whole), None);
        }
    }
}
