//! Protection against cross-site request forgery: pages of other sites cannot act for a signed-in user.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Accepts unsafe methods from Reef's own pages only. It checks `Sec-Fetch-Site`, which every current browser sends and no
/// page can set, or else `Origin`.
pub(crate) async fn protect(State(public_url): State<String>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || is_same_origin(request.headers(), &public_url) {
        return next.run(request).await;
    }
    tracing::warn!("cross-site request rejected");
    (StatusCode::FORBIDDEN, "This form was sent from another site. Go back, reload the page and try again.\n")
        .into_response()
}

fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => text(header::ORIGIN.as_str()).is_some_and(|origin| origin == origin_of(public_url)),
    }
}

/// Returns the scheme, host and port of a URL.
pub(crate) fn origin_of(public_url: &str) -> String {
    url::Url::parse(public_url)
        .map_or_else(|_| public_url.to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_request_is_accepted_from_same_origin_only() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        let ours = |pairs| is_same_origin(&headers(pairs), "https://reef.example");
        assert!(ours(&[("sec-fetch-site", "same-origin"), ("origin", "https://reef.example")]));
        assert!(ours(&[("sec-fetch-site", "none")]));
        assert!(ours(&[("origin", "https://reef.example")]));
        assert!(!ours(&[("sec-fetch-site", "same-site"), ("origin", "https://reef.example")]));
        assert!(!ours(&[("sec-fetch-site", "cross-site")]));
        assert!(!ours(&[("origin", "https://evil.example")]));
        assert!(!ours(&[("origin", "null")]));
        assert!(!ours(&[]));
    }
}
