//! Pages that are the same for every visitor without a session. Each is rendered when one of its inputs has changed, and otherwise
//! served from memory.
//!
//! - `routes` lists the pages, with what each depends on.
//! - `slot` holds one rendered page, and renders it once for everyone who waits for it.
//! - `rendered` is a page's bytes and headers, with its tag.

mod rendered;
mod routes;
mod slot;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use reef_docs::Docs;
use reef_service::Services;

use rendered::Rendered;
use routes::{Inputs, Routes};
use slot::Budget;

/// How many bytes all rendered pages may have. With today's pages they have less than 1 MB.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// The ends of the names of the session cookie and the flash's cookie, over http and https. A cookie whose name only looks like these
/// costs a rendering.
const READER_COOKIES: [&[u8]; 2] = [b"reef=", b"reef-flash="];

/// The pages for visitors, and those of them that are rendered already. Cheap to clone.
#[derive(Clone)]
pub(crate) struct VisitorPages {
    services: Services,
    routes: Arc<Routes>,
    budget: Arc<Budget>,
}

impl VisitorPages {
    pub(crate) fn new(services: Services, docs: &Docs) -> Self {
        let budget = Arc::new(Budget::new(BYTES_MAX));
        Self { services, routes: Arc::new(Routes::new(docs)), budget }
    }
}

/// Serves a visitor's page from memory. Other requests, and those of a browser with a session or a flash, pass unchanged.
pub(crate) async fn serve(State(pages): State<VisitorPages>, request: Request, next: Next) -> Response {
    let is_visitor = is_page_request(&request) && !has_reader_cookie(request.headers());
    let Some(route) = pages.routes.find(request.uri()).filter(|_| is_visitor) else {
        return next.run(request).await;
    };
    let (parts, _) = request.into_parts();
    let inputs = Inputs::current(route, &pages.services);
    let found = route.slot.get(inputs, &pages.budget, || render(parts.uri.path(), next)).await;
    match found {
        Ok(page) => page.respond(&parts.headers),
        Err(failed) => *failed,
    }
}

fn is_page_request(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Whether the page may depend on who reads it. Cookies are searched as bytes, so that none that the session layer finds is missed.
fn has_reader_cookie(headers: &HeaderMap) -> bool {
    let mut cookies = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    cookies.any(|cookies| {
        READER_COOKIES.iter().any(|name| cookies.windows(name.len()).any(|part| part == *name))
    })
}

/// Renders a page for a request that has nothing but the path, so that nothing that a visitor sends can get into the page of another
/// one. A response that is not a page for everybody is the error.
async fn render(path: &str, next: Next) -> Result<Rendered, Box<Response>> {
    let mut request = Request::new(Body::empty());
    // The path is one of the routes', which are valid.
    *request.uri_mut() = path.parse().unwrap_or_default();
    Rendered::from_response(next.run(request).await).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_and_flash_make_a_reader() {
        let has = |cookies: &[&'static str]| {
            let values = cookies.iter().map(|value| (header::COOKIE, value.parse().unwrap()));
            has_reader_cookie(&values.collect())
        };
        for reader in
            [&["reef=1"][..], &["a=b; __Host-reef=1"], &["a=b", "reef-flash=x"], &["__Host-reef-flash=x"]]
        {
            assert!(has(reader), "{reader:?}");
        }
        for visitor in [&[][..], &["reef-device=1"], &["a=reef", "__Host-reef-device=2; theme=dark"]] {
            assert!(!has(visitor), "{visitor:?}");
        }
    }
}
