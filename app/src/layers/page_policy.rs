//! The content security policy of Reef's pages.

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use url::Url;

use super::csrf::origin_of;
use crate::assets::Assets;
use crate::scripts::script_sources;

/// The content security policy of pages, the same for all of them, built once per process. It allows the scripts of the site and
/// the inline scripts in `crate::scripts`, by their hashes.
#[derive(Clone, Debug)]
pub struct PagePolicy {
    form_targets: String,
    value: HeaderValue,
}

impl PagePolicy {
    /// Builds the policy for a Reef at `public_url` that uses Polar's API at `polar_url`, and whose pages link to `assets`.
    #[must_use]
    pub fn new(public_url: &str, polar_url: &str, assets: Option<&Assets>) -> Self {
        let mut targets = vec!["'self'".to_owned(), origin_of(public_url)];
        targets.extend(payment_origins(polar_url));
        targets.dedup();
        let form_targets = targets.join(" ");
        let text = format!(
            "default-src 'self'; script-src 'self' {} 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; form-action {form_targets}; frame-ancestors 'none'; \
             base-uri 'none'; object-src 'none'",
            script_sources(assets)
        );
        // Origins of parsed URLs are ASCII. Should one not be, pages without scripts and forms are the safe mistake.
        let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { form_targets, value }
    }

    /// Where forms may lead, as the value of `form-action`: to Reef and to the payment provider, because browsers also apply
    /// this rule to the redirect that follows a form.
    #[must_use]
    pub fn form_targets(&self) -> &str {
        &self.form_targets
    }

    /// Sets the policy of a page while it renders.
    pub(crate) fn set(&self) {
        if let Some(options) = use_context::<ResponseOptions>() {
            options.insert_header(CONTENT_SECURITY_POLICY, self.value.clone());
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
            let page = PagePolicy::new(public_url, polar_url, None).value;
            assert!(page.to_str().unwrap().contains(&format!("form-action {targets};")), "{page:?}");
        }
    }
}
