//! The session cookie: its attributes, and those that the session layer forgets when it removes the cookie.

use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use reef_service::Services;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, SessionManagerLayer};

use super::store::Sessions;

/// How many days a session lasts after it was last saved.
const SESSION_DAYS: i64 = 30;

/// The layer that loads the session of a request and saves it with the response.
pub(crate) fn session_layer(services: Services, is_https: bool) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions::new(services))
        .with_name(cookie_name(is_https))
        .with_secure(is_https)
        .with_http_only(true)
        // With `Strict`, a customer who returns from the checkout would appear signed out.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(Duration::days(SESSION_DAYS)))
}

/// The name of the session cookie. Browsers accept a name with the prefix `__Host-` only over https and for this host alone.
const fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-reef" } else { "reef" }
}

/// Adds the missing attributes when the session layer removes a cookie. That layer sends only name and path, and browsers
/// ignore such a removal for the prefix `__Host-`. The session cookie also moves before other cookies, for clients that read
/// only the first one.
pub(crate) async fn complete_removed_cookies(
    State(is_https): State<bool>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    complete(response.headers_mut(), is_https);
    response
}

fn complete(headers: &mut HeaderMap, is_https: bool) {
    let start = format!("{}=", cookie_name(is_https));
    let (sessions, others): (Vec<_>, Vec<_>) = headers
        .get_all(SET_COOKIE)
        .iter()
        .cloned()
        .partition(|value| value.as_bytes().starts_with(start.as_bytes()));
    let sessions = sessions.into_iter().map(|value| complete_cookie(value, &start, is_https));
    let all: Vec<_> = sessions.chain(others).collect();
    headers.remove(SET_COOKIE);
    for value in all {
        headers.append(SET_COOKIE, value);
    }
}

fn complete_cookie(value: HeaderValue, start: &str, is_https: bool) -> HeaderValue {
    let Ok(text) = value.to_str() else { return value };
    if !text.starts_with(&format!("{start};")) {
        return value;
    }
    let secure = if is_https { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{text}; HttpOnly; SameSite=Lax{secure}")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_cookie_gets_attributes() {
        let set = |is_https: bool, values: &[&'static str]| -> Vec<String> {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SET_COOKIE, HeaderValue::from_static(value));
            }
            complete(&mut headers, is_https);
            headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        let removed = set(true, &["x=1", "__Host-reef-device=2; Secure", "__Host-reef=; Path=/; Max-Age=0"]);
        let expected = "__Host-reef=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(removed, [expected, "x=1", "__Host-reef-device=2; Secure"]);
        assert_eq!(set(false, &["reef=; Path=/"]), ["reef=; Path=/; HttpOnly; SameSite=Lax"]);
        let kept = "__Host-reef=id; HttpOnly; SameSite=Lax; Secure; Path=/";
        assert_eq!(set(true, &[kept]), [kept]);
        assert!(set(true, &[]).is_empty());
    }
}
