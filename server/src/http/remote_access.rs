//! Detects requests that did not originate on this machine: those that a proxy forwarded, and those that a browser sent for
//! another site.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Headers in which proxies name the client, in addition to `X-Forwarded-*`.
const PROXY_HEADERS: [&str; 6] =
    ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];

/// Whether the headers say that a proxy forwarded the request or that it was meant for another host. Without the
/// second check, DNS rebinding would let any site's page read responses of the machine that the browser runs on.
pub fn is_remote(headers: &HeaderMap) -> bool {
    let is_of_proxy = |name: &str| PROXY_HEADERS.contains(&name) || name.starts_with("x-forwarded-");
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    headers.keys().any(|name| is_of_proxy(name.as_str())) || host.is_some_and(|host| !is_local_host(host))
}

/// Whether a `Host` names this machine: a loopback address or `localhost`, with or without a port, or a host name of the
/// sandbox, to which callbacks are sent. `test` is reserved (RFC 2606), so nobody can register such a name.
fn is_local_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    is_address || name == "localhost" || name.ends_with(".localhost") || name.ends_with(".sandbox.test")
}

/// Whether a browser sent a request with an unsafe method for the page of another site.
fn is_cross_site_change(request: &Request) -> bool {
    let is_cross_site = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    is_cross_site && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Rejects requests to the sandbox that did not originate on this machine, because the sandbox shows all mail, and
/// changes that other sites request.
pub async fn protect_sandbox(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_sandbox = path == "/sandbox" || path.starts_with("/sandbox/");
    let is_refused = is_remote(request.headers()) || is_cross_site_change(&request);
    if !is_sandbox || !is_refused {
        return next.run(request).await;
    }
    tracing::warn!("remote request to the sandbox rejected");
    let message = "The sandbox is available only on the machine it runs on. Set SANDBOX_ALLOW_REMOTE=true to allow everyone.\n";
    (StatusCode::FORBIDDEN, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn proxy_headers_make_request_remote() {
        for name in
            ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "Via", "X-Real-IP", "CF-Connecting-IP"]
        {
            assert!(is_remote(&with(name, "x")), "{name}");
        }
        for name in ["X-Forward", "Accept", "X-Request-Id"] {
            assert!(!is_remote(&with(name, "x")), "{name}");
        }
    }

    #[test]
    fn foreign_host_makes_request_remote() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "reef.localhost:3000",
            "127.0.0.1:3000",
            "127.9.9.9",
            "[::1]:3000",
            "callbacks.sandbox.test",
        ] {
            assert!(!is_remote(&with("host", host)), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "10.0.0.1:80",
            "[2001:db8::1]:80",
            "",
        ] {
            assert!(is_remote(&with("host", host)), "{host}");
        }
        assert!(!is_remote(&HeaderMap::new()));
    }
}
