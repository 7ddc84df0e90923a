//! The rules for callback URLs that need no network. The addresses behind a host name are checked again at delivery.

use url::{Host, Url};

use crate::address::is_global;
use crate::error::Issue;

/// The maximum length of a callback URL, in characters.
pub const MAX_CHARS: usize = 2048;

/// Validates a callback URL and returns it unchanged.
///
/// A valid URL is `https`, has no user info and no fragment, and names a public host: no local name, no IP address that
/// is not globally routable, in whatever notation.
///
/// # Errors
/// An [`Issue`] at `path` for the first rule that the URL breaks.
pub fn validate(path: &str, text: &str) -> Result<String, Issue> {
    let issue = |message: &str| Err(Issue::new(path, "invalid_url", message));
    if text.chars().count() > MAX_CHARS {
        return Err(Issue::new(path, "too_long", format!("The URL must be at most {MAX_CHARS} characters.")));
    }
    // The URL parser drops tabs and line breaks and trims spaces, so the stored URL would differ from the checked one.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return issue("The URL can't contain spaces, backslashes or control characters.");
    }
    let Ok(url) = Url::parse(text) else {
        return issue("Enter a valid URL.");
    };
    if url.scheme() != "https" {
        return issue("The URL must start with https://.");
    }
    // The parser also accepts `https:host` and `https:///host`, which the checks below do not cover.
    let authority =
        text.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next().unwrap_or("");
    if authority.is_empty() {
        return issue("The URL must start with https:// and a host name.");
    }
    // The parser drops the empty user info of `https://@host`, so the text itself is checked.
    if authority.contains('@') {
        return issue("The URL can't contain a user name or password.");
    }
    if url.fragment().is_some() {
        return issue("The URL can't contain a fragment (#).");
    }
    match url.host() {
        Some(Host::Domain(name)) if is_public_host_name(name) => Ok(text.to_owned()),
        Some(Host::Ipv4(ip)) if is_global(ip.into()) && !authority.contains(&format!("{ip}.")) => {
            Ok(text.to_owned())
        }
        Some(Host::Ipv6(ip)) if is_global(ip.into()) => Ok(text.to_owned()),
        _ => issue("The URL's host must be reachable from the public internet."),
    }
}

fn is_public_host_name(name: &str) -> bool {
    const LOCAL: [&str; 4] = [".localhost", ".local", ".internal", ".home.arpa"];
    !name.is_empty()
        && name.len() <= 253
        && name.contains('.')
        && name.split('.').all(|label| !label.is_empty() && label.len() <= 63)
        && !LOCAL.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_accepted_or_rejected() {
        let good = [
            "https://example.com/hook",
            "https://example.com:8443/a?b=c",
            "https://EXAMPLE.com",
            "https://hooks.suite.test/walk",
            "https://8.8.8.8/x",
            "https://[2606:4700:4700::1111]/",
            "https://bücher.example/x",
        ];
        for text in good {
            assert_eq!(validate("callbackUrl", text).as_deref(), Ok(text));
        }
        let long = format!("https://example.com/{}", "x".repeat(MAX_CHARS));
        let bad = [
            "",
            "example.com",
            "http://example.com",
            "ftp://example.com",
            "https://",
            "https:///x",
            "https:///example.com",
            "https:///user@example.com",
            "https:user@example.com",
            "https:/user:pw@example.com",
            "https:example.com",
            "https://user@example.com",
            "https://user:pw@example.com",
            "https://@example.com",
            "https://example.com/#x",
            "https://example.com/#",
            "https://localhost/x",
            "https://LOCALHOST",
            "https://a.localhost",
            "https://printer.local",
            "https://db.internal",
            "https://intranet/x",
            "https://example.com./x",
            "https://localhost./x",
            "https://127.0.0.1./x",
            "https://127.0.0.1",
            "https://127.1",
            "https://2130706433",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://0x7f.1",
            "https://%31%32%37.0.0.1",
            "https://１２７.0.0.1",
            "https://10.1.2.3",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00::1]/",
            "https://[fe80::1%25eth0]/",
            "https://[fe80::1%eth0]/",
            "https://127。0。0。1/",
            "https://①②⑦.⓪.⓪.①/",
            "https://local\u{ad}host/",
            "https://ｌocalhost/",
            "https://localhost。/",
            "https://example.com。/",
            "https://0/",
            "https://0x7f.0.0.0x1/",
            "https://017700000001/",
            "https://4294967295/",
            "https://100.64.0.1/",
            "https://192.0.0.1/",
            "https://198.18.0.1/",
            "https://[2001::1]/",
            "https://[::127.0.0.1]/",
            "https://[ff02::1]/",
            "https://xn--/",
            "https://exa mple.com",
            "https://example.com/\n",
            " https://example.com",
            "https:\\\\example.com",
            long.as_str(),
        ];
        for text in bad {
            assert!(validate("callbackUrl", text).is_err(), "{text:.60} must be refused");
        }
    }
}
