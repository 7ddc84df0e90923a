//! Headers that tell browsers what pages may do.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

/// For everything: no sniffing, no framing, no referrer to other sites.
pub async fn headers(request: Request, next: Next) -> Response {
    let is_sandbox = request.uri().path().starts_with("/sandbox/");
    // An assistant's page shows the chat with its bot beside it.
    let is_chat = request.uri().path().starts_with("/sandbox/telegram/bots/");
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::X_FRAME_OPTIONS, if is_chat { "SAMEORIGIN" } else { "DENY" });
    add(header::REFERRER_POLICY, "same-origin");
    add(HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()");
    add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if is_page {
        // After signing out, Back shows nothing of the account.
        add(header::CACHE_CONTROL, "private, no-store");
    }
    if is_chat {
        add(header::CONTENT_SECURITY_POLICY, CHAT_POLICY);
    } else if is_sandbox {
        add(header::CONTENT_SECURITY_POLICY, SANDBOX_POLICY);
    } else {
        // What is no page of ours needs nothing.
        add(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    response
}

/// The sandbox's pages are plain and carry their style and script inside.
const SANDBOX_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; \
                              img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// The chat with a bot is one of them, and may be shown inside our own pages.
const CHAT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'";

/// The policy of our pages: scripts only with this answer's nonce. Forms may lead to the checkout: over https anywhere,
/// without it to the origins in `plain`. A browser applies this to where a form is redirected, too.
pub fn page_policy(nonce: &str, plain: &[String]) -> String {
    let plain: String = plain.iter().map(|origin| format!(" {origin}")).collect();
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src 'self'; form-action 'self' https:{plain}; frame-ancestors 'none'; base-uri 'none'; \
         object-src 'none'"
    )
}
