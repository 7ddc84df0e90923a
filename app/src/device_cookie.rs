//! The cookie by which a browser is known to have signed in before (`reef_service::accounts::DeviceCookie`). It outlives the
//! session, so that failed sign-ins of strangers don't slow down a known browser.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use reef_service::accounts::{Account, DeviceCookie};
use reef_service::{Client, Error, Services};
use secrecy::{ExposeSecret as _, SecretString};
use tower_sessions::cookie::time::Duration;
use tower_sessions::cookie::{Cookie, SameSite};

use crate::server::client_address;

/// RFC 6265bis: browsers keep no cookie for longer than 400 days.
const MAX_AGE_DAYS: i64 = 400;

pub(crate) fn is_https(services: &Services) -> bool {
    services.config().public_url.starts_with("https://")
}

fn name(services: &Services) -> &'static str {
    if is_https(services) { "__Host-reef-device" } else { "reef-device" }
}

/// The client of this request, for limits by address or known device.
pub(crate) fn client(services: &Services) -> Client {
    let parts = use_context::<Parts>();
    let value = parts.and_then(|parts| cookie_value(&parts.headers, name(services)));
    Client { address: client_address(), devices: DeviceCookie::from(value.as_deref().unwrap_or_default()) }
}

pub(crate) fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut cookies = all.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Remembers the browser as one that has signed in to this account.
pub(crate) fn remember(services: &Services, account: &Account) -> Result<(), Error> {
    set(services, &services.remember_device(&client(services), account))
}

/// Sets the cookie to the devices that the service has sealed.
pub(crate) fn set(services: &Services, devices: &SecretString) -> Result<(), Error> {
    let cookie = Cookie::build((name(services), devices.expose_secret().to_owned()))
        .path("/")
        .http_only(true)
        .secure(is_https(services))
        .same_site(SameSite::Strict)
        .max_age(Duration::days(MAX_AGE_DAYS));
    let value = HeaderValue::from_str(&cookie.to_string()).map_err(Error::internal)?;
    if let Some(options) = use_context::<ResponseOptions>() {
        options.append_header(SET_COOKIE, value);
    }
    Ok(())
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
