//! The flash cookies of the browsers in a test, and the messages that they stand for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, SET_COOKIE};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::support::App;

const COOKIE: &str = "reef-flash";

/// The flash cookie of each browser. A browser is known by its other cookies; visitors have none.
#[derive(Default)]
pub struct FlashCookies(Mutex<HashMap<String, String>>);

impl FlashCookies {
    /// The cookies that a browser sends.
    pub fn all(&self, browser: &str) -> String {
        let flashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let flash = flashes.get(browser).map(|value| format!("{COOKIE}={value}"));
        let cookies = [browser.to_owned(), flash.unwrap_or_default()];
        cookies.into_iter().filter(|cookie| !cookie.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// Keeps or removes the flash cookie as a response says.
    pub fn update(&self, browser: &str, headers: &HeaderMap) {
        let mut set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let Some(cookie) = set.rfind(|value| value.starts_with(&format!("{COOKIE}="))) else {
            return;
        };
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        assert!(cookie.contains("Path=/"), "{cookie}");
        let value = cookie.split(['=', ';']).nth(1).unwrap_or_default().to_owned();
        let mut flashes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cookie.contains("Max-Age=0") {
            assert_eq!(value, "");
            flashes.remove(browser);
        } else {
            assert!(cookie.contains("Max-Age=60") && cookie.len() < 4096, "{cookie}");
            flashes.insert(browser.to_owned(), value);
        }
    }

    fn value(&self, browser: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(browser).cloned()
    }
}

/// The message that is waiting for a browser on the page at an address; `Null` if there is none.
pub async fn waiting_message(app: &App, browser: &str, address: &str) -> Value {
    let path = address.strip_prefix(&app.url("")).unwrap_or(address);
    let page = path.split(['?', '#']).next().unwrap_or_default();
    let text = match app.flashes.value(browser) {
        Some(value) if value == "session" => {
            let session = browser.strip_prefix("reef=").expect("the browser has no session");
            app.services.find_flash(session, page).await.expect("the flash cannot be read")
        }
        Some(sealed) => app.services.open_flash(page, &sealed),
        None => None,
    };
    text.map_or(Value::Null, |text| serde_json::from_str(text.expose_secret()).expect("a message is JSON"))
}

/// The kind of a message: the notice in it, or `form_error`.
pub fn kind(message: &Value) -> String {
    let notice = ["/notice", "/new_key/notice", "/recovery_codes/notice"]
        .into_iter()
        .find_map(|place| message.pointer(place)?.as_str());
    let kind = notice.or_else(|| message.get("form_error").map(|_| "form_error"));
    kind.unwrap_or_default().to_owned()
}
