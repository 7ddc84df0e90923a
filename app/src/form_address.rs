//! How a plain form's error stands in the address of its page: Leptos' names, and Reef's mark that it is Reef's own.

use url::form_urlencoded::{Serializer, parse};

/// The server function that refused.
pub const PATH: &str = "__path";
/// The error, as Leptos writes it.
pub const ERROR: &str = "__err";
/// What tells an error that Reef has written for a reader from any other.
pub const MARK: &str = "__mark";

/// A query without the error in it; `None` when nothing is left.
pub fn without_error(query: &str) -> Option<String> {
    let kept = parse(query.as_bytes()).filter(|(name, _)| ![PATH, ERROR, MARK].contains(&&**name));
    let query = Serializer::new(String::new()).extend_pairs(kept).finish();
    (!query.is_empty()).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::without_error;

    #[test]
    fn a_query_is_cleaned_of_errors_alone() {
        let clean = |query| without_error(query).unwrap_or_default();
        assert_eq!(clean("next=%2Fkeys&__path=x&__err=y&__mark=z"), "next=%2Fkeys");
        assert_eq!(clean("__err=y"), "");
        assert_eq!(clean("b=1&c="), "b=1&c=");
    }
}
