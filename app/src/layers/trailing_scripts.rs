//! Leptos sends its hydration scripts after `</html>`, where HTML allows no elements. This layer moves them into the body.

use axum::body::{self, Body};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const BODY_END: &[u8] = b"</body></html>";

/// Moves everything after `</html>` to the end of the body. Pages are not streamed, so this delays nothing.
pub(crate) async fn move_trailing_scripts(request: Request, next: Next) -> Response {
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
    let page = with_trailing_content_inside(&page).map_or(Body::from(page), Body::from);
    Response::from_parts(parts, page)
}

/// Returns the changed page, or `None` if nothing follows `</html>`.
fn with_trailing_content_inside(page: &[u8]) -> Option<Vec<u8>> {
    let end = page.windows(BODY_END.len()).rposition(|part| part == BODY_END)?;
    let (document, rest) = page.split_at(end);
    let behind = rest.strip_prefix(BODY_END)?;
    (!behind.is_empty()).then(|| [document, behind, BODY_END].concat())
}

#[cfg(test)]
mod tests {
    use super::with_trailing_content_inside;

    #[test]
    fn content_after_document_is_moved_into_body() {
        let moved = with_trailing_content_inside(b"<html><body>a</body></html><script>1</script>").unwrap();
        assert_eq!(moved, b"<html><body>a<script>1</script></body></html>");
        for whole in [&b"<html><body>a</body></html>"[..], b"<p>a", b""] {
            assert_eq!(with_trailing_content_inside(whole), None);
        }
    }
}
