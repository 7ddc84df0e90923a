//! The cookie that proves that a form has led this browser to a notice. An address alone proves nothing: anybody can type or send
//! `?done=password_changed`, so a page shows the notice only while the cookie names it too.

use axum::http::HeaderMap;
use reef_service::{Error, Services};
use tower_sessions::cookie::time::Duration;
use url::Url;

use crate::cookies::{StrictCookie, cookie_value};
use crate::server::{get_context, request_headers};

const COOKIE: StrictCookie = StrictCookie {
    name: "reef-notice",
    https_name: "__Host-reef-notice",
    // Long enough for a slow page and a reload. One-time secrets are shown for the same time.
    max_age: Duration::seconds(60),
};

/// Confirms the notice that an address on this site names, if it names one.
///
/// # Errors
/// [`Error::Internal`] when there are no services in the context.
pub(crate) fn confirm(address: &str) -> Result<(), Error> {
    let Some(notice) = notice_of(address) else { return Ok(()) };
    let services: Services = get_context().map_err(|_| Error::internal("no services in the context"))?;
    COOKIE.set(&services, notice)
}

/// Whether a form has led this browser to this notice within the last minute.
pub(crate) fn is_confirmed(notice: &str) -> bool {
    let services = get_context::<Services>();
    services.is_ok_and(|services| is_confirmed_by(&request_headers(), COOKIE.name_for(&services), notice))
}

fn is_confirmed_by(headers: &HeaderMap, cookie: &str, notice: &str) -> bool {
    cookie_value(headers, cookie).is_some_and(|value| value == notice)
}

/// The notice in an address. Names of notices are lower case letters and underscores, so the cookie needs no escaping.
fn notice_of(address: &str) -> Option<String> {
    let base = Url::parse("https://reef.invalid").ok()?;
    let url = base.join(address).ok().filter(|url| url.host_str() == base.host_str())?;
    let (_, notice) = url.query_pairs().find(|(name, _)| name == "done")?;
    let is_name = !notice.is_empty() && notice.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then(|| notice.into_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::COOKIE;

    use super::{HeaderMap, is_confirmed_by, notice_of};

    #[test]
    fn notice_is_read_from_addresses_of_this_site() {
        assert_eq!(notice_of("/settings?done=password_changed").as_deref(), Some("password_changed"));
        assert_eq!(notice_of("/assistants/1?done=tested#callbacks").as_deref(), Some("tested"));
        for other in
            ["/settings", "/settings?done=", "/settings?done=a%3Bb", "https://elsewhere.example/?done=saved"]
        {
            assert_eq!(notice_of(other), None, "{other}");
        }
    }

    #[test]
    fn notice_without_its_cookie_is_not_confirmed() {
        let mut headers = HeaderMap::new();
        assert!(!is_confirmed_by(&headers, "reef-notice", "saved"));
        headers.append(COOKIE, HeaderValue::from_static("reef=abc; reef-notice=stopped"));
        assert!(!is_confirmed_by(&headers, "reef-notice", "saved"));
        assert!(is_confirmed_by(&headers, "reef-notice", "stopped"));
    }
}
