//! Which addresses are links in Telegram, and the definitions that links refer to.

use std::borrow::Cow;
use std::collections::HashMap;

use pulldown_cmark::Parser;

use super::OPTIONS;

/// How often definitions are looked for. Each pass finds all that have different names.
const PASSES_MAX: usize = 8;

/// Whether Telegram accepts an address as that of a link. It rejects the whole message otherwise (TDLib, `parse_url`). An address
/// of `mailto:` would become one of a web site there, but Telegram makes links of visible email addresses.
pub(super) fn is_link(url: &str) -> bool {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return false;
    }
    let lower = url.get(..8.min(url.len())).map(str::to_ascii_lowercase).unwrap_or_default();
    if let Some(rest) = lower.strip_prefix("tg://") {
        return rest.starts_with(|c: char| c.is_ascii_alphanumeric());
    }
    let Some(length) =
        ["https://", "http://"].iter().find(|scheme| lower.starts_with(**scheme)).map(|s| s.len())
    else {
        return false;
    };
    let rest = &url[length..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = host_and_port.rsplit_once(':').unwrap_or((host_and_port, "80"));
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~') || !c.is_ascii();
    let is_host = !host.is_empty() && host.chars().all(fits) && host.chars().any(char::is_alphanumeric);
    is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The definitions of a text, such as `[1]: https://example.com`.
pub(super) struct Definitions<'a> {
    /// The text, in which the definitions are escaped, so that they are shown.
    pub text: Cow<'a, str>,
    addresses: HashMap<String, String>,
}

impl<'a> Definitions<'a> {
    /// Finds the definitions of a text; `None` if there are too many with the same name.
    pub(super) fn find(source: &'a str) -> Option<Self> {
        let mut found = Self { text: Cow::Borrowed(source), addresses: HashMap::new() };
        for _ in 0..PASSES_MAX {
            let mut places = Vec::new();
            for (label, definition) in Parser::new_ext(&found.text, OPTIONS).reference_definitions().iter() {
                let bracket = found.text[definition.span.start..].find('[').unwrap_or(0);
                places.push(definition.span.start + bracket);
                found.addresses.entry(key(label)).or_insert_with(|| definition.dest.to_string());
            }
            if places.is_empty() {
                return Some(found);
            }
            places.sort_unstable();
            for place in places.iter().rev() {
                found.text.to_mut().insert(*place, '\\');
            }
        }
        None
    }

    /// Returns the address that a link refers to.
    pub(super) fn address(&self, label: &str) -> Option<&str> {
        self.addresses.get(&key(label)).map(String::as_str)
    }
}

/// Names of definitions differ neither by case nor by white space.
fn key(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_telegram_accepts_are_links() {
        for url in [
            "https://e.org",
            "HTTP://E.org:8080/a?b#c",
            "https://user@e.org/x",
            "https://münchen.de/ä",
            "tg://resolve?domain=x",
        ] {
            assert!(is_link(url), "{url}");
        }
        for url in [
            "",
            "#top",
            "/docs",
            "e.org",
            "javascript:alert(1)",
            "data:text/html,x",
            "mailto:a@e.org",
            "https://",
            "https:///x",
            "https://a b",
            "https://e.org:0/",
            "https://e.org:x/",
            "https://.",
            "tg://",
            "ftp://e.org",
            "https://<x>/",
            "é",
        ] {
            assert!(!is_link(url), "{url}");
        }
    }

    #[test]
    fn definitions_are_found_and_escaped() {
        let found =
            Definitions::find("[A  b]: https://one.org\n> [c]: /two\n\n[a b]: https://again.org").unwrap();
        assert_eq!(found.text, "\\[A  b]: https://one.org\n> \\[c]: /two\n\n\\[a b]: https://again.org");
        assert_eq!(found.address("a B"), Some("https://one.org"));
        assert_eq!(found.address("c"), Some("/two"));
        assert!(Definitions::find(&"[a]: b\n\n".repeat(99)).is_none());
    }
}
