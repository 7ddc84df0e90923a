//! Comparing the tags of responses.

use axum::http::HeaderValue;

/// Whether one of the `If-None-Match` headers has the tag, which is quoted. The comparison is the weak one (RFC 9110, 13.1.2).
#[must_use]
pub fn matches_etag<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>, tag: &str) -> bool {
    let texts = headers.into_iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::{HeaderValue, matches_etag};

    #[test]
    fn tag_is_found_among_others() {
        let matches = |header: &'static str| matches_etag(&[HeaderValue::from_static(header)], "\"a\"");
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(matches(known), "{known}");
        }
        for unknown in ["", "a", "\"b\"", "\"A\""] {
            assert!(!matches(unknown), "{unknown}");
        }
    }
}
