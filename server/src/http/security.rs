//! Security headers, such as the content security policy, for all responses.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use reef_app::PagePolicy;

/// Two years, as preload lists require. Whether to include subdomains is the operator's decision.
const HSTS: &str = "max-age=63072000";

/// The content security policies of the sandbox's pages, built once per process. Reef's own pages set [`PagePolicy`].
#[derive(Clone, Debug)]
pub struct Policies {
    chat: HeaderValue,
    sandbox: HeaderValue,
    is_https: bool,
}

impl Policies {
    /// Builds the policies for a Reef at `public_url`, whose forms may lead where those of `pages` may.
    #[must_use]
    pub fn new(public_url: &str, pages: &PagePolicy) -> Self {
        let form_targets = pages.form_targets();
        let policy = |frames: &str| {
            let text = format!(
                "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; \
                 img-src 'self' data:; form-action {form_targets}; frame-ancestors {frames}; base-uri 'none'; \
                 object-src 'none'"
            );
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
        };
        let (chat, sandbox) = (policy("'self'"), policy("'none'"));
        Self { chat, sandbox, is_https: public_url.starts_with("https://") }
    }
}

/// Adds the security headers to a response: no MIME sniffing, no framing, no referrer for other sites.
pub async fn add_headers(State(policies): State<Policies>, request: Request, next: Next) -> Response {
    let is_sandbox = request.uri().path().starts_with("/sandbox/");
    // An assistant's page embeds the chat with its bot.
    let is_chat = request.uri().path().starts_with("/sandbox/telegram/bots/");
    let mut response = next.run(request).await;
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    let fixed = HeaderValue::from_static;
    add(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    add(header::X_FRAME_OPTIONS, fixed(if is_chat { "SAMEORIGIN" } else { "DENY" }));
    add(header::REFERRER_POLICY, fixed("same-origin"));
    add(HeaderName::from_static("permissions-policy"), fixed("camera=(), microphone=(), geolocation=()"));
    add(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    if policies.is_https {
        add(header::STRICT_TRANSPORT_SECURITY, fixed(HSTS));
    }
    if is_page {
        // After signing out, the Back button must not show the account.
        add(header::CACHE_CONTROL, fixed("private, no-store"));
    }
    // The sandbox's pages have inline styles and scripts. Responses that are not pages need no permissions.
    let policy = if is_chat {
        policies.chat
    } else if is_sandbox {
        policies.sandbox
    } else {
        fixed("default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
    };
    add(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::{PagePolicy, Policies};

    #[test]
    fn form_targets_are_those_of_pages() {
        let pages = PagePolicy::new("https://reef.example", "https://api.polar.sh", None);
        let rule = format!("form-action {};", pages.form_targets());
        let Policies { chat, sandbox, .. } = Policies::new("https://reef.example", &pages);
        for policy in [chat, sandbox] {
            assert!(policy.to_str().unwrap().contains(&rule), "{policy:?}");
        }
    }
}
