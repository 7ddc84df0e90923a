//! How often a key may ask: so many requests a minute, told in every answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use reef_domain::Timestamp;
use reef_domain::ids::ApiKeyId;

/// The window, in seconds.
const WINDOW: u64 = 60;
/// Windows remembered before those that are over are forgotten.
const REMEMBERED_MAX: usize = 10_000;
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// What is left of a key's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests left.
    pub remaining: u64,
    /// Seconds until the window is over.
    pub resets_in: u64,
    /// Whether this request was one too many.
    pub is_over: bool,
}

/// Where the extractor that knows the key leaves its quota for the layer that writes headers.
#[derive(Clone, Default)]
pub struct QuotaSlot(pub Arc<OnceLock<Quota>>);

struct Window {
    began: Timestamp,
    count: u64,
}

/// Counts requests per key. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    per_minute: u64,
    windows: Arc<Mutex<HashMap<ApiKeyId, Window>>>,
}

impl Limiter {
    /// So many requests a minute for each key.
    #[must_use]
    pub fn new(per_minute: u64) -> Self {
        Self { per_minute, windows: Arc::default() }
    }

    /// Counts a request.
    pub fn count(&self, key: ApiKeyId, now: Timestamp) -> Quota {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |window: &Window| now.since(window.began).as_secs() < WINDOW;
        if windows.len() >= REMEMBERED_MAX {
            windows.retain(|_, window| is_open(window));
        }
        let window = windows.entry(key).or_insert(Window { began: now, count: 0 });
        if !is_open(window) {
            *window = Window { began: now, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        Quota {
            remaining: self.per_minute.saturating_sub(window.count),
            resets_in: (WINDOW - now.since(window.began).as_secs()).max(1),
            is_over: window.count > self.per_minute,
        }
    }
}

/// Writes the quota that the request's key has left (draft-ietf-httpapi-ratelimit-headers).
pub async fn tell(State(limiter): State<Limiter>, mut request: Request, next: Next) -> Response {
    let slot = QuotaSlot::default();
    request.extensions_mut().insert(limiter.clone());
    request.extensions_mut().insert(slot.clone());
    let mut response = next.run(request).await;
    if let Some(quota) = slot.0.get() {
        let policy = format!("\"default\";q={};w={WINDOW}", limiter.per_minute);
        let state = format!("\"default\";r={};t={}", quota.remaining, quota.resets_in);
        for (name, text) in [(POLICY, policy), (STATE, state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(name, value);
            }
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_and_begins_anew() {
        let limiter = Limiter::new(2);
        let key = ApiKeyId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let at = Timestamp::from_unix_ms;
        assert_eq!(limiter.count(key, at(0)), Quota { remaining: 1, resets_in: 60, is_over: false });
        assert_eq!(limiter.count(key, at(30_000)), Quota { remaining: 0, resets_in: 30, is_over: false });
        assert_eq!(limiter.count(key, at(59_999)), Quota { remaining: 0, resets_in: 1, is_over: true });
        assert_eq!(limiter.count(key, at(60_000)), Quota { remaining: 1, resets_in: 60, is_over: false });
    }
}
