//! The frame around every page: routes, title, landmarks.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::frame::SiteHeader;
use crate::pages::assistant::AssistantPage;
use crate::pages::assistants::AssistantsPage;
use crate::pages::home::HomePage;
use crate::pages::keys::KeysPage;
use crate::pages::new_assistant::NewAssistantPage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::sign_in::SignInPage;
use crate::pages::sign_up::SignUpPage;

/// What a page without a title of its own is called.
const NAME: &str = "Reef";

/// All of Reef's pages behind their routes. The server draws it inside `shell`; the browser hydrates `<body>` with it.
///
/// Every page waits for its data on the server: it is whole without JavaScript, and its status and redirects are known
/// before the first byte.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text=NAME formatter=|title: String| if title == NAME { title } else { format!("{title} · {NAME}") }/>
        <Router>
            <a class="skip-link" href="#main">"Skip to content"</a>
            <SiteHeader/>
            <main id="main" tabindex="-1">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async/>
                    <Route path=path!("/signup") view=SignUpPage ssr=SsrMode::Async/>
                    <Route path=path!("/signin") view=SignInPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants") view=AssistantsPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/new") view=NewAssistantPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id") view=AssistantPage ssr=SsrMode::Async/>
                    <Route path=path!("/keys") view=KeysPage ssr=SsrMode::Async/>
                </Routes>
            </main>
        </Router>
    }
}
