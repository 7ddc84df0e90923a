//! Cookies that only this site reads and that other sites' requests do not carry.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use reef_service::{Error, Services};
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

/// A cookie that scripts cannot read, for all paths of this host.
pub(crate) struct StrictCookie {
    pub name: &'static str,
    /// The name over https. Browsers accept the prefix `__Host-` only over https and for this host alone.
    pub https_name: &'static str,
    pub max_age: Duration,
}

impl StrictCookie {
    /// Sets the cookie in the response to this request.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value cannot be in a header.
    pub(crate) fn set(&self, services: &Services, value: String) -> Result<(), Error> {
        let header = self.header(services, value)?;
        if let Some(options) = use_context::<ResponseOptions>() {
            options.append_header(SET_COOKIE, header);
        }
        Ok(())
    }

    /// The `Set-Cookie` header that sets the cookie.
    ///
    /// # Errors
    /// [`Error::Internal`] when the value cannot be in a header.
    pub(crate) fn header(&self, services: &Services, value: String) -> Result<HeaderValue, Error> {
        self.header_for(services, value, self.max_age)
    }

    /// The `Set-Cookie` header that removes the cookie.
    ///
    /// # Errors
    /// [`Error::Internal`] when the name cannot be in a header.
    pub(crate) fn removal(&self, services: &Services) -> Result<HeaderValue, Error> {
        self.header_for(services, String::new(), Duration::ZERO)
    }

    fn header_for(
        &self,
        services: &Services,
        value: String,
        max_age: Duration,
    ) -> Result<HeaderValue, Error> {
        let cookie = Cookie::build((self.name_for(services), value))
            .path("/")
            .http_only(true)
            .secure(is_https(services))
            .same_site(SameSite::Strict)
            .max_age(max_age);
        HeaderValue::from_str(&cookie.to_string()).map_err(Error::internal)
    }

    /// The name under which this site sets the cookie.
    pub(crate) fn name_for(&self, services: &Services) -> &'static str {
        if is_https(services) { self.https_name } else { self.name }
    }
}

fn is_https(services: &Services) -> bool {
    services.config().public_url.starts_with("https://")
}

/// The value of a cookie in a request.
pub(crate) fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut cookies = all.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_among_others_is_found() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("reef=abc; reef-device=0123"));
        headers.append(COOKIE, HeaderValue::from_static("x=1"));
        assert_eq!(cookie_value(&headers, "reef-device").as_deref(), Some("0123"));
        assert_eq!(cookie_value(&headers, "x").as_deref(), Some("1"));
        assert_eq!(cookie_value(&headers, "device"), None);
    }
}
