//! The routes of the site: pages, server functions and live streams, behind sessions and the checks of what browsers send.

use std::sync::Arc;

use axum::{Router, middleware};
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::provide_context;
use leptos::reactive::owner::take_context;
use leptos_axum::{LeptosRoutes as _, generate_route_list};
use reef_docs::Docs;
use reef_service::Services;
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::assets::Assets;
use crate::components::qr::QrCodes;
use crate::layers::page_policy::PagePolicy;
use crate::layers::panic_page::panic_page;
use crate::layers::visitor_pages::VisitorPages;
use crate::layers::{csrf, flash, form_size, principal, trailing_scripts, visitor_pages};
use crate::live;
use crate::server::SiteInfo;
use crate::session::{complete_removed_cookies, session_layer};
use crate::shell::shell;

/// What the site is built from.
#[derive(Clone, Debug)]
pub struct SiteParts {
    /// The pages of the API reference.
    pub docs: Arc<Docs>,
    /// The file names of the built site, if it was built.
    pub assets: Option<Assets>,
    /// The content security policy of pages.
    pub policy: PagePolicy,
    /// What pages need to know about the server.
    pub info: SiteInfo,
}

/// Builds the routes of the site. Paths that no other route has are answered by its page for unknown paths.
pub fn router(services: Services, parts: SiteParts) -> Router {
    let SiteParts { docs, assets, policy, info } = parts;
    let public_url = services.config().public_url.clone();
    let is_https = public_url.starts_with("https://");
    let visitor_pages = VisitorPages::new(services.clone(), &docs);
    let qr_codes = QrCodes::default();
    let context = {
        let services = services.clone();
        move || {
            provide_context(qr_codes.clone());
            provide_context(services.clone());
            provide_context(Arc::clone(&docs));
            provide_context(info);
            // `leptos_axum` always creates a nonce. Without one, its scripts are the same in every page, and allowed by hash.
            take_context::<Nonce>();
            policy.set();
        }
    };
    let document = move || shell(assets.clone());
    let options = LeptosOptions::builder().output_name("reef").build();
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), context.clone(), document.clone())
        .fallback(leptos_axum::render_app_async_with_context(context, document))
        .with_state(options)
        .merge(live::router(services.clone()))
        .layer(middleware::from_fn(trailing_scripts::move_trailing_scripts))
        .layer(middleware::from_fn(form_size::limit_size))
        .layer(middleware::from_fn_with_state(services.clone(), flash::carry))
        .layer(middleware::from_fn(principal::record_session))
        .layer(session_layer(services, is_https))
        .layer(middleware::from_fn_with_state(is_https, complete_removed_cookies))
        .layer(middleware::from_fn_with_state(public_url, csrf::protect))
        .layer(middleware::from_fn_with_state(visitor_pages, visitor_pages::serve))
        .layer(CatchPanicLayer::custom(panic_page))
}
