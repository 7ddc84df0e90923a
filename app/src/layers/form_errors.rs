//! Without scripts, a rejected form redirects to its page with the error in the URL. The page shows that error as Reef's own
//! message and fills the form with the values in it, so anyone could forge one in a link. Each error therefore carries a MAC
//! for the user that it was made for, and errors without a valid MAC are removed.

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use reef_domain::ErrorChain;
use reef_domain::ids::UserId;
use reef_service::Services;
use tower_sessions::Session;
use url::{Url, form_urlencoded};

use crate::form_error_query::{ERROR, MAC, PATH, without_error};
use crate::session::find_caller;

/// Signs the errors in redirects, and removes errors without a valid MAC from the URL of a request.
pub(crate) async fn protect(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    if let Some(error) = FormError::from_query(request.uri().query().unwrap_or_default()) {
        let reader = signed_in_user(session.as_ref()).await;
        if error.is_ambiguous || !services.is_valid_mac(reader, &error.signed_text(), &error.mac) {
            tracing::warn!("form error without a valid MAC removed from a URL");
            *request.uri_mut() = without_form_error(request.uri());
        }
    }
    let mut response = next.run(request).await;
    if let Some((mut location, error)) = redirect_error(response.headers()) {
        let mac = services.mac(signed_in_user(session.as_ref()).await, &error.signed_text());
        let query = without_error(location.query().unwrap_or_default());
        location.set_query(query.as_deref());
        location.query_pairs_mut().extend_pairs([(PATH, &error.path), (ERROR, &error.details), (MAC, &mac)]);
        if let Ok(location) = HeaderValue::from_str(location.as_str()) {
            response.headers_mut().insert(LOCATION, location);
        }
    }
    response
}

/// The error of a form in the query of a URL.
struct FormError {
    path: String,
    details: String,
    mac: String,
    /// Whether a parameter occurs more than once, so that the page might show another value than the one that was verified.
    is_ambiguous: bool,
}

impl FormError {
    /// Finds the error in a query. Of a repeated parameter the last value counts, because Leptos appends to the existing query.
    fn from_query(query: &str) -> Option<Self> {
        let all = |wanted: &'static str| {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        Some(Self {
            details: all(ERROR).last()?,
            path: all(PATH).last().unwrap_or_default(),
            mac: all(MAC).last().unwrap_or_default(),
            is_ambiguous: [PATH, ERROR, MAC].into_iter().any(|name| all(name).count() > 1),
        })
    }

    fn signed_text(&self) -> String {
        format!("{} {}", self.path, self.details)
    }
}

/// Returns the signed-in user. If the session cannot be read, this is `None`, so that errors for a user are not shown.
async fn signed_in_user(session: Option<&Session>) -> Option<UserId> {
    match find_caller(session?).await {
        Ok(caller) => caller.map(|caller| caller.user_id),
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "session could not be read");
            None
        }
    }
}

fn redirect_error(headers: &HeaderMap) -> Option<(Url, FormError)> {
    let location = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let error = FormError::from_query(location.query()?)?;
    Some((location, error))
}

fn without_form_error(uri: &Uri) -> Uri {
    let query = without_error(uri.query().unwrap_or_default());
    let target = query.map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()));
    target.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleaning_removes_only_form_errors() {
        let clean = |text: &str| without_form_error(&text.parse().unwrap()).to_string();
        assert_eq!(clean("/signin?next=%2Fkeys&__path=x&__err=y&__mark=z"), "/signin?next=%2Fkeys");
        assert_eq!(clean("/signin?__err=y"), "/signin");
        assert_eq!(clean("/a?b=1&c="), "/a?b=1&c=");
    }

    #[test]
    fn repeated_error_is_ambiguous() {
        let error = FormError::from_query("__path=a&__err=1&__mark=m").unwrap();
        assert_eq!(
            (error.signed_text().as_str(), error.mac.as_str(), error.is_ambiguous),
            ("a 1", "m", false)
        );
        let error = FormError::from_query("__path=a&__err=1&%5F_err=2&__mark=m").unwrap();
        assert_eq!((error.signed_text().as_str(), error.is_ambiguous), ("a 2", true));
        assert!(FormError::from_query("next=/").is_none());
    }
}
