//! The routes of all pages, and the landmarks around them.

use leptos::prelude::*;
use leptos_meta::provide_meta_context;
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::layout::{SiteFooter, SiteHeader};
use crate::components::page::Titles;
use crate::pages::assistant::{AssistantPage, BehaviorPage, HistoryPage, PeoplePage, UsagePage};
use crate::pages::assistants::AssistantsPage;
use crate::pages::billing::BillingPage;
use crate::pages::docs::DocsPage;
use crate::pages::email_links::{ConfirmChangePage, ConfirmPage};
use crate::pages::goodbye::GoodbyePage;
use crate::pages::keys::{KeyPage, KeysPage};
use crate::pages::landing::HomePage;
use crate::pages::new_assistant::NewAssistantPage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::password_reset::{ForgotPage, ResetPage};
use crate::pages::receipts::{ReceiptPage, ReceiptsPage};
use crate::pages::settings::SettingsPage;
use crate::pages::sign_in::SignInPage;
use crate::pages::sign_up::SignUpPage;
use crate::pages::styleguide::StyleguidePage;
use crate::pages::two_factor_sign_in::SignInCodePage;

/// All pages behind their routes, for the body of `shell`.
///
/// Every page waits for its data, so that it is complete without JavaScript, and its status and redirects are known before the first
/// byte is sent.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Titles/>
        <Router>
            <a class="skip-link" href="#main">"Skip to content"</a>
            <SiteHeader/>
            <main id="main" tabindex="-1">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/") view=HomePage ssr=SsrMode::Async/>
                    <Route path=path!("/signup") view=SignUpPage ssr=SsrMode::Async/>
                    <Route path=path!("/signin") view=SignInPage ssr=SsrMode::Async/>
                    <Route path=path!("/signin/code") view=SignInCodePage ssr=SsrMode::Async/>
                    <Route path=path!("/forgot") view=ForgotPage ssr=SsrMode::Async/>
                    <Route path=path!("/reset") view=ResetPage ssr=SsrMode::Async/>
                    <Route path=path!("/confirm") view=ConfirmPage ssr=SsrMode::Async/>
                    <Route path=path!("/confirm-change") view=ConfirmChangePage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants") view=AssistantsPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/new") view=NewAssistantPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id") view=AssistantPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id/history") view=HistoryPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id/behavior") view=BehaviorPage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id/people") view=PeoplePage ssr=SsrMode::Async/>
                    <Route path=path!("/assistants/:id/usage") view=UsagePage ssr=SsrMode::Async/>
                    <Route path=path!("/receipts") view=ReceiptsPage ssr=SsrMode::Async/>
                    <Route path=path!("/receipts/:id") view=ReceiptPage ssr=SsrMode::Async/>
                    <Route path=path!("/billing") view=BillingPage ssr=SsrMode::Async/>
                    <Route path=path!("/keys") view=KeysPage ssr=SsrMode::Async/>
                    <Route path=path!("/keys/:id") view=KeyPage ssr=SsrMode::Async/>
                    <Route path=path!("/settings") view=SettingsPage ssr=SsrMode::Async/>
                    <Route path=path!("/goodbye") view=GoodbyePage ssr=SsrMode::Async/>
                    <Route path=path!("/styleguide") view=StyleguidePage ssr=SsrMode::Async/>
                    <Route path=path!("/docs") view=DocsPage ssr=SsrMode::Async/>
                    <Route path=path!("/docs/:page") view=DocsPage ssr=SsrMode::Async/>
                </Routes>
            </main>
            <SiteFooter/>
        </Router>
    }
}
