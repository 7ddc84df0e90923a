//! A plain form that is refused comes back to its page with the error in the address (`__path` and `__err`, as Leptos
//! has them). Pages show such an error as Reef's own words and fill forms with what it says was typed, so only those
//! that Reef has written for the same reader are let through: each carries a mark.

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::Response;
use reef_app::session::caller_of;
use reef_domain::Chain;
use reef_domain::ids::UserId;
use reef_service::Services;
use tower_sessions::Session;
use url::Url;
use url::form_urlencoded;

const PATH: &str = "__path";
const ERROR: &str = "__err";
const MARK: &str = "__mark";

/// Marks the errors that answers lead to, and takes those out of a request's address that are not marked.
pub async fn protect(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let session = request.extensions().get::<Session>().cloned();
    if let Some(told) = Told::of(request.uri().query().unwrap_or_default()) {
        let reader = reader(session.as_ref()).await;
        if !services.is_marked(reader, &told.text(), &told.mark) {
            tracing::warn!("an error that is not Reef's was taken out of a page's address");
            *request.uri_mut() = without_error(request.uri());
        }
    }
    let mut response = next.run(request).await;
    if let Some((mut location, told)) = leads_to_error(response.headers()) {
        let mark = services.mark(reader(session.as_ref()).await, &told.text());
        location.query_pairs_mut().append_pair(MARK, &mark);
        if let Ok(location) = HeaderValue::from_str(location.as_str()) {
            response.headers_mut().insert(LOCATION, location);
        }
    }
    response
}

/// An error in an address.
struct Told {
    path: String,
    error: String,
    mark: String,
}

impl Told {
    /// What a query tells, if anything. Which of two errors a page would show is nothing to rely on: they are never
    /// marked.
    fn of(query: &str) -> Option<Self> {
        let all = |wanted: &'static str| {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
        };
        let only = |wanted: &'static str| {
            let mut values = all(wanted);
            values.next().filter(|_| values.next().is_none()).unwrap_or_default()
        };
        all(ERROR).next()?;
        Some(Self { path: only(PATH), error: only(ERROR), mark: only(MARK) })
    }

    fn text(&self) -> String {
        format!("{} {}", self.path, self.error)
    }
}

/// Who is signed in. Whose session cannot be read is told nothing that was meant for somebody.
async fn reader(session: Option<&Session>) -> Option<UserId> {
    match caller_of(session?).await {
        Ok(caller) => caller.map(|caller| caller.user_id),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a session cannot be read");
            None
        }
    }
}

fn leads_to_error(headers: &HeaderMap) -> Option<(Url, Told)> {
    let mut location = Url::parse(headers.get(LOCATION)?.to_str().ok()?).ok()?;
    let told = Told::of(location.query()?)?;
    let pairs: Vec<_> = location.query_pairs().into_owned().filter(|(name, _)| name != MARK).collect();
    location.query_pairs_mut().clear().extend_pairs(pairs);
    Some((location, told))
}

fn without_error(uri: &Uri) -> Uri {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = pairs.filter(|(name, _)| ![PATH, ERROR, MARK].contains(&&**name));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
    let target = if query.is_empty() { uri.path().to_owned() } else { format!("{}?{query}", uri.path()) };
    target.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cleaned_of_errors_alone() {
        let clean = |text: &str| without_error(&text.parse().unwrap()).to_string();
        assert_eq!(clean("/signin?next=%2Fkeys&__path=x&__err=y&__mark=z"), "/signin?next=%2Fkeys");
        assert_eq!(clean("/signin?__err=y"), "/signin");
        assert_eq!(clean("/a?b=1&c="), "/a?b=1&c=");
    }

    #[test]
    fn a_second_error_does_not_hide_behind_the_first() {
        let told = Told::of("__path=a&__err=1&__mark=m").unwrap();
        assert_eq!((told.text().as_str(), told.mark.as_str()), ("a 1", "m"));
        let told = Told::of("__path=a&__err=1&%5F_err=2&__mark=m").unwrap();
        assert_eq!(told.text(), "a ");
        assert!(Told::of("next=/").is_none());
    }
}
