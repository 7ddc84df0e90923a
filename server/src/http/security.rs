//! Security headers, such as the content security policy, for all responses.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use url::Url;

use super::csrf::origin_of;

/// Two years, as preload lists require. Whether to include subdomains is the operator's decision.
const HSTS: &str = "max-age=63072000";

/// The content security policies, built once per process.
#[derive(Clone, Debug)]
pub struct Policies {
    /// The origins to which forms may lead in addition to the page's own.
    form_targets: String,
    chat: HeaderValue,
    sandbox: HeaderValue,
    is_https: bool,
}

impl Policies {
    /// Builds the policies for a Reef at `public_url` that uses Polar's API at `polar_url`.
    #[must_use]
    pub fn new(public_url: &str, polar_url: &str) -> Self {
        let mut targets = vec![origin_of(public_url)];
        targets.extend(payment_origins(polar_url));
        targets.dedup();
        let form_targets = targets.join(" ");
        let policy = |frames: &str| {
            let text = format!(
                "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; \
                 img-src 'self' data:; form-action 'self' {form_targets}; frame-ancestors {frames}; base-uri 'none'; \
                 object-src 'none'"
            );
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
        };
        let (chat, sandbox) = (policy("'self'"), policy("'none'"));
        Self { form_targets, chat, sandbox, is_https: public_url.starts_with("https://") }
    }

    /// The policy of Reef's pages, which allows scripts only with the nonce of this response. Forms may lead to Reef and to the
    /// payment provider, because browsers also apply this rule to the redirect that follows a form.
    #[must_use]
    pub fn page_policy(&self, nonce: &str) -> String {
        format!(
            "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'; \
             object-src 'none'",
            self.form_targets
        )
    }
}

/// The origins of the checkout and the customer portal of a payment API. Polar has them on its site; others, such as the
/// sandbox, have them at the origin of the API.
fn payment_origins(polar_url: &str) -> Vec<String> {
    let host = Url::parse(polar_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let site: &[&str] = match host.as_deref() {
        Some("api.polar.sh") => &["https://polar.sh", "https://buy.polar.sh"],
        Some("sandbox-api.polar.sh") => &["https://sandbox.polar.sh"],
        _ => &[],
    };
    let site = site.iter().map(|origin| (*origin).to_owned());
    [origin_of(polar_url)].into_iter().chain(site).collect()
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
    use super::Policies;

    #[test]
    fn form_targets_are_own_origin_and_payment_provider() {
        for (public_url, polar_url, targets) in [
            (
                "https://reef.example",
                "https://api.polar.sh",
                "'self' https://reef.example https://api.polar.sh https://polar.sh https://buy.polar.sh",
            ),
            (
                "https://reef.example/base",
                "https://sandbox-api.polar.sh",
                "'self' https://reef.example https://sandbox-api.polar.sh https://sandbox.polar.sh",
            ),
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000/sandbox/polar", "'self' http://127.0.0.1:3000"),
            (
                "http://127.0.0.1:3000",
                "http://127.0.0.1:4000/sandbox/polar",
                "'self' http://127.0.0.1:3000 http://127.0.0.1:4000",
            ),
        ] {
            let policies = Policies::new(public_url, polar_url);
            let rule = format!("form-action {targets};");
            let page = policies.page_policy("n");
            assert!(page.contains(&rule), "{page}");
            for policy in [policies.chat, policies.sandbox] {
                assert!(policy.to_str().unwrap().contains(&rule), "{policy:?}");
            }
        }
    }
}
