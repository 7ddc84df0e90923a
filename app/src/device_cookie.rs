//! The cookie by which a browser is known to have signed in before (`reef_service::accounts::DeviceCookie`). It outlives the
//! session, so that failed sign-ins of strangers don't slow down a known browser.

use reef_service::accounts::{Account, DeviceCookie};
use reef_service::{Client, Error, Services};
use secrecy::{ExposeSecret as _, SecretString};
use tower_sessions::cookie::time::Duration;

use crate::cookies::{StrictCookie, cookie_value};
use crate::request::{client_address, request_headers};

const COOKIE: StrictCookie = StrictCookie {
    name: "reef-device",
    https_name: "__Host-reef-device",
    // RFC 6265bis: browsers keep no cookie for longer than 400 days.
    max_age: Duration::days(400),
};

/// The client of this request, for limits by address or known device.
pub(crate) fn client(services: &Services) -> Client {
    let value = cookie_value(&request_headers(), COOKIE.name_for(services));
    Client { address: client_address(), devices: DeviceCookie::from(value.as_deref().unwrap_or_default()) }
}

/// Remembers the browser as one that has signed in to this account.
pub(crate) fn remember(services: &Services, account: &Account) -> Result<(), Error> {
    set(services, &services.remember_device(&client(services), account))
}

/// Sets the cookie to the devices that the service has sealed.
pub(crate) fn set(services: &Services, devices: &SecretString) -> Result<(), Error> {
    COOKIE.set(services, devices.expose_secret().to_owned())
}
