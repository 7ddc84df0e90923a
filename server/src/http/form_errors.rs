//! Without scripts, a rejected form redirects to its page with the error in the URL. The page shows that error as Reef's own
//! message and fills the form with the values in it, so anyone could forge one in a link. Each error therefore carries a MAC
//! for the user that it was made for, and errors without a valid MAC are removed.

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use reef_app::form_address::{ERROR, MARK, PATH, without_error};
use reef_app::session::caller_of;
use reef_domain::Chain;
use reef_domain::ids::UserId;
use reef_service::Services;
use tower_sessions::Session;
use url::{Url, form_urlencoded};

/// Signs the errors in redirects, and removes errors without a valid MAC from the URL of a request.
pub async fn protect(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    if let Some(error) = Told::of(request.uri().query().unwrap_or_default()) {
        let reader = reader(session.as_ref()).await;
        if error.is_ambiguous || !services.is_marked(reader, &error.text(), &error.mark) {
            tracing::warn!("form error without a valid MAC removed from a URL");
            *request.uri_mut() = clean(request.uri());
        }
    }
    let mut response = next.run(request).await;
    if let Some((mut location, error)) = leads_to_error(response.headers()) {
        let mark = services.mark(reader(session.as_ref()).await, &error.text());
        let query = without_error(location.query().unwrap_or_default());
        location.set_query(query.as_deref());
        location.query_pairs_mut().extend_pairs([(PATH, &error.path), (ERROR, &error.error), (MARK, &mark)]);
        if let Ok(location) = HeaderValue::from_str(location.as_str()) {
            response.headers_mut().insert(LOCATION, location);
        }
    }
    response
}

/// The error of a form in the query of a URL.
struct Told {
    path: String,
    error: String,
    mark: String,
    /// Whether a parameter occurs more than once, so that the page might show another value than the one that was verified.
    is_ambiguous: bool,
}

impl Told {
    /// Finds the error in a query. Of a repeated parameter the last value counts, because Leptos appends to the existing query.
    fn of(query: &str) -> Option<Self> {
        let all = |wanted: &'static str| {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        Some(Self {
            error: all(ERROR).last()?,
            path: all(PATH).last().unwrap_or_default(),
            mark: all(MARK).last().unwrap_or_default(),
            is_ambiguous: [PATH, ERROR, MARK].into_iter().any(|name| all(name).count() > 1),
        })
    }

    fn text(&self) -> String {
        format!("{} {}", self.path, self.error)
    }
}

/// Returns the signed-in user. If the session cannot be read, this is `None`, so that errors for a user are not shown.
async fn reader(session: Option<&Session>) -> Option<UserId> {
    match caller_of(session?).await {
        Ok(caller) => caller.map(|caller| caller.user_id),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "session could not be read");
            None
        }
    }
}

fn leads_to_error(headers: &HeaderMap) -> Option<(Url, Told)> {
    let location = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let error = Told::of(location.query()?)?;
    Some((location, error))
}

fn clean(uri: &Uri) -> Uri {
    let query = without_error(uri.query().unwrap_or_default());
    let target = query.map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()));
    target.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cleaned_of_errors_alone() {
        let clean = |text: &str| clean(&text.parse().unwrap()).to_string();
        assert_eq!(clean("/signin?next=%2Fkeys&__path=x&__err=y&__mark=z"), "/signin?next=%2Fkeys");
        assert_eq!(clean("/signin?__err=y"), "/signin");
        assert_eq!(clean("/a?b=1&c="), "/a?b=1&c=");
    }

    #[test]
    fn a_second_error_does_not_hide_behind_the_first() {
        let error = Told::of("__path=a&__err=1&__mark=m").unwrap();
        assert_eq!((error.text().as_str(), error.mark.as_str(), error.is_ambiguous), ("a 1", "m", false));
        let error = Told::of("__path=a&__err=1&%5F_err=2&__mark=m").unwrap();
        assert_eq!((error.text().as_str(), error.is_ambiguous), ("a 2", true));
        assert!(Told::of("next=/").is_none());
    }
}
