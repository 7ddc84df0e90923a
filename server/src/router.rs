//! Assembles all routes, each behind the layers it needs.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::{Router, middleware};
use leptos::config::LeptosOptions;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes as _, ResponseOptions, generate_route_list};
use reef_app::{App as Pages, SiteInfo, shell};
use reef_docs::Docs;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::compose::App;
use crate::http::bodies::{self, BodyLimit, Bounds};
use crate::http::security::{self, Policies};
use crate::http::{
    csrf, drain, form_errors, forms, overload, panic, remote_access, request, trailing_scripts,
};
use crate::live::LiveState;
use crate::sessions::{Sessions, complete_removed_cookies, cookie_name};
use crate::site::Site;
use crate::{api, docs, live, metrics, security_txt, site_files, webhooks, workers};

/// How many days a session lasts after it was last saved.
const SESSION_DAYS: i64 = 30;
/// The largest form that a page may send, in bytes.
const FORM_MAX: usize = 64 * 1024;

/// What the routes are built from.
pub struct Parts {
    /// The service layer and the worker host.
    pub app: App,
    /// The files of the frontend.
    pub site: Site,
    /// The routes of the sandbox, if it runs in this process.
    pub sandbox: Option<Router>,
    /// Whether other machines may reach the sandbox.
    pub sandbox_allow_remote: bool,
    /// Whether `/api/v1` is enabled.
    pub api_v1_enabled: bool,
    /// The bearer token that `/metrics` requires, if any.
    pub metrics_token: Option<SecretString>,
    /// The contact for security reports as a URI, if configured.
    pub security_contact: Option<String>,
    /// Ends open event streams when the process stops.
    pub stop: CancellationToken,
}

/// Builds the router of the whole server.
pub fn router(parts: Parts) -> Router {
    let Parts {
        app,
        site,
        sandbox,
        sandbox_allow_remote,
        api_v1_enabled,
        metrics_token,
        security_contact,
        stop,
    } = parts;
    let services = app.services.clone();
    let api = api::router(services.clone(), api_v1_enabled);
    let docs = docs::build(&app.server_urls.public_url);
    let policies = Policies::new(&app.server_urls.public_url, &app.polar_url);
    let mut routes = Router::new()
        .merge(pages(&app, &site, &policies, sandbox.is_some(), stop, &docs))
        .merge(api)
        .merge(webhooks::router(services.clone()))
        .merge(workers::router(app.workers.clone()))
        .merge(metrics::router(services.clone(), metrics_token))
        .merge(docs::router(&docs))
        .merge(site_files::router(&app.server_urls.public_url, services.config().signups_open, &docs))
        .merge(site.router());
    if let Some(sandbox) = sandbox {
        routes = routes.merge(sandbox);
        if !sandbox_allow_remote {
            routes = routes.layer(middleware::from_fn(remote_access::protect_sandbox));
        }
    }
    if let Some(contact) = security_contact {
        routes = routes.merge(security_txt::router(contact, &app.server_urls.public_url, services.clone()));
    }
    routes
        .layer(middleware::from_fn_with_state(services.clone(), drain::close_connections))
        .layer(middleware::from_fn_with_state(BodyLimit::new(Bounds::default()), bodies::limit_bodies))
        .layer(middleware::from_fn_with_state(overload::InFlightLimit::default(), overload::shed))
        .layer(middleware::from_fn_with_state(policies, security::add_headers))
        .layer(middleware::from_fn_with_state(services, request::log_request))
}

/// Builds the routes of the site: pages, server functions and live streams, behind sessions and CSRF protection.
fn pages(
    app: &App,
    site: &Site,
    policies: &Policies,
    is_sandbox: bool,
    stop: CancellationToken,
    docs: &Arc<Docs>,
) -> Router {
    let services = app.services.clone();
    let site_info = SiteInfo { sandbox: is_sandbox, sandbox_bots: app.sandbox_bots };
    let assets = site.assets();
    let policies = policies.clone();
    let context = {
        let (services, reference) = (services.clone(), Arc::clone(docs));
        move || {
            provide_context(services.clone());
            provide_context(Arc::clone(&reference));
            provide_context(site_info);
            set_policy(&policies);
        }
    };
    let document = move || shell(assets.clone());
    let options = LeptosOptions::builder().output_name("reef").build();
    let is_https = app.server_urls.public_url.starts_with("https://");
    let sessions = SessionManagerLayer::new(Sessions(services.clone()))
        .with_name(cookie_name(is_https))
        .with_secure(is_https)
        .with_http_only(true)
        // With `Strict`, a customer who returns from the checkout would appear signed out.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(Duration::days(SESSION_DAYS)));
    Router::new()
        .leptos_routes_with_context(&options, generate_route_list(Pages), context.clone(), document.clone())
        .fallback(leptos_axum::render_app_async_with_context(context, document))
        .with_state(options)
        .merge(live::router(LiveState { services: services.clone(), stop }))
        .layer(middleware::from_fn(trailing_scripts::move_trailing_scripts))
        .layer(middleware::from_fn_with_state(FORM_MAX, forms::limit_size))
        .layer(middleware::from_fn_with_state(services, form_errors::protect))
        .layer(middleware::from_fn(request::record_session))
        .layer(sessions)
        .layer(middleware::from_fn_with_state(is_https, complete_removed_cookies))
        .layer(middleware::from_fn_with_state(app.server_urls.public_url.clone(), csrf::protect))
        .layer(CatchPanicLayer::custom(panic::site_response))
}

/// Sets the page's content security policy while it renders, because the policy contains the nonce of this response.
fn set_policy(policies: &Policies) {
    let nonce = leptos::nonce::use_nonce();
    if let (Some(nonce), Some(options)) = (nonce, use_context::<ResponseOptions>())
        && let Ok(policy) = HeaderValue::from_str(&policies.page_policy(&nonce))
    {
        options.insert_header(axum::http::header::CONTENT_SECURITY_POLICY, policy);
    }
}
