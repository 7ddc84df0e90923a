//! The query of a page whose plain form failed: Leptos' parameters, and Reef's MAC over them.

use url::form_urlencoded::{Serializer, parse};

/// The parameter with the path of the server function that failed.
pub const PATH: &str = "__path";
/// The parameter with the error, in Leptos' encoding.
pub const ERROR: &str = "__err";
/// The parameter with the MAC. Only errors that Reef itself has written for the same reader are shown.
pub const MAC: &str = "__mark";

/// Removes the error from a query. Returns `None` when nothing is left.
pub fn without_error(query: &str) -> Option<String> {
    let remaining = parse(query.as_bytes()).filter(|(name, _)| ![PATH, ERROR, MAC].contains(&&**name));
    let query = Serializer::new(String::new()).extend_pairs(remaining).finish();
    (!query.is_empty()).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::without_error;

    #[test]
    fn query_without_error_keeps_the_rest() {
        let clean = |query| without_error(query).unwrap_or_default();
        assert_eq!(clean("next=%2Fkeys&__path=x&__err=y&__mark=z"), "next=%2Fkeys");
        assert_eq!(clean("__err=y"), "");
        assert_eq!(clean("b=1&c="), "b=1&c=");
    }
}
