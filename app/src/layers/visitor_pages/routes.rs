//! Which pages are the same for every visitor without a session, and what each of them depends on.
//!
//! Not here are pages that need an account (they redirect visitors), pages that a link with a token opens, the two-factor step (its
//! sign-in is in a session), the style guide (for developers), and the page for unknown paths (there is no end of them).

use std::collections::HashMap;

use axum::http::Uri;
use reef_docs::Docs;
use reef_service::Services;
use reef_service::billing::Prices;

use super::slot::Slot;

/// Whether a page shows something of its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    /// It shows the same with every query, such as one that a campaign adds.
    Ignored,
    /// With a query it is rendered for each request, because there is no end of queries.
    Shown,
}

/// A page, and the rendered page if there is one.
pub(super) struct Route {
    query: Query,
    shows_prices: bool,
    pub slot: Slot<Inputs>,
}

impl Route {
    const fn new(query: Query, shows_prices: bool) -> Self {
        Self { query, shows_prices, slot: Slot::new() }
    }
}

/// What may change a page while this process runs. The configuration, the built site and the API reference do not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    prices: Option<Prices>,
}

impl Inputs {
    /// The inputs of a page as they are now.
    pub(super) fn current(route: &Route, services: &Services) -> Self {
        Self { prices: route.shows_prices.then(|| services.prices()) }
    }
}

/// The pages for visitors by their path.
pub(super) struct Routes(HashMap<String, Route>);

impl Routes {
    pub(super) fn new(docs: &Docs) -> Self {
        let own = [
            ("/", Query::Ignored, true),
            ("/signin", Query::Shown, false),
            ("/signup", Query::Shown, false),
            ("/forgot", Query::Ignored, false),
            ("/goodbye", Query::Ignored, false),
        ];
        let own = own.into_iter().map(|(path, query, prices)| (path.to_owned(), Route::new(query, prices)));
        let docs = docs.pages().iter().map(|page| (page.path.clone(), Route::new(Query::Ignored, false)));
        Self(own.chain(docs).collect())
    }

    /// Finds the page at an address, if it is the same for every visitor.
    pub(super) fn find(&self, address: &Uri) -> Option<&Route> {
        let route = self.0.get(address.path())?;
        (route.query == Query::Ignored || address.query().is_none()).then_some(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_with_query_is_shared_only_if_it_ignores_it() {
        let document = serde_json::json!({ "paths": {} });
        let routes = Routes::new(&Docs::new(&document, "https://reef.example"));
        let is_shared = |address: &str| routes.find(&address.parse().unwrap()).is_some();
        for shared in ["/", "/?utm_source=x", "/signin", "/signup", "/forgot", "/goodbye", "/docs"] {
            assert!(is_shared(shared), "{shared}");
        }
        for own in
            ["/signin?next=%2Fkeys", "/signup?", "/assistants", "/reset", "/signin/code", "/docs/", "/x"]
        {
            assert!(!is_shared(own), "{own}");
        }
    }
}
