//! What was passed on by a proxy, and so comes from who knows where.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Whether a proxy has passed a request on, as its headers say.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    let says_so =
        |name: &str| matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-");
    headers.keys().any(|name| says_so(name.as_str()))
}

/// The sandbox shows everybody's mail: what comes from elsewhere by a proxy on this machine does not see it.
pub async fn keep_out(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_sandbox = path == "/sandbox" || path.starts_with("/sandbox/");
    if !is_sandbox || !is_forwarded(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!("a forwarded request to the sandbox was refused");
    let words = "The sandbox is for the machine that it runs on. With SANDBOX_ALLOW_REMOTE=true it is for everybody.\n";
    (StatusCode::FORBIDDEN, words).into_response()
}

#[cfg(test)]
mod tests {
    use super::is_forwarded;

    #[test]
    fn every_header_of_a_proxy_counts() {
        let with =
            |name: &str| is_forwarded(&[(name.parse().unwrap(), "x".parse().unwrap())].into_iter().collect());
        for name in
            ["Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto", "Via", "X-Real-IP"]
        {
            assert!(with(name), "{name}");
        }
        for name in ["Host", "X-Forward", "Accept", "X-Request-Id"] {
            assert!(!with(name), "{name}");
        }
    }
}
