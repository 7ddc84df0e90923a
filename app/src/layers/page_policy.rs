//! The content security policy of Reef's pages.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use url::Url;

use super::csrf::origin_of;

/// The content security policy of pages, built once per process. It allows scripts only with the nonce of the response.
#[derive(Clone, Debug)]
pub struct PagePolicy {
    form_targets: String,
}

impl PagePolicy {
    /// Builds the policy for a Reef at `public_url` that uses Polar's API at `polar_url`.
    #[must_use]
    pub fn new(public_url: &str, polar_url: &str) -> Self {
        let mut targets = vec!["'self'".to_owned(), origin_of(public_url)];
        targets.extend(payment_origins(polar_url));
        targets.dedup();
        Self { form_targets: targets.join(" ") }
    }

    /// Where forms may lead, as the value of `form-action`: to Reef and to the payment provider, because browsers also apply
    /// this rule to the redirect that follows a form.
    #[must_use]
    pub fn form_targets(&self) -> &str {
        &self.form_targets
    }

    fn with_nonce(&self, nonce: &str) -> String {
        format!(
            "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; form-action {}; frame-ancestors 'none'; base-uri 'none'; \
             object-src 'none'",
            self.form_targets
        )
    }

    /// Sets the policy of a page while it renders, because the policy contains the nonce of this response.
    pub(crate) fn set(&self) {
        if let (Some(nonce), Some(options)) = (use_nonce(), use_context::<ResponseOptions>())
            && let Ok(policy) = HeaderValue::from_str(&self.with_nonce(&nonce))
        {
            options.insert_header(CONTENT_SECURITY_POLICY, policy);
        }
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

#[cfg(test)]
mod tests {
    use super::PagePolicy;

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
            let page = PagePolicy::new(public_url, polar_url).with_nonce("n");
            assert!(page.contains(&format!("form-action {targets};")), "{page}");
        }
    }
}
