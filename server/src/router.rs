//! Assembles all routes, each behind the layers it needs.

use std::sync::Arc;

use axum::{Router, middleware};
use reef_app::{PagePolicy, SiteInfo, SiteParts};
use secrecy::SecretString;

use crate::compose::App;
use crate::http::bodies::{self, BodyLimit, Bounds};
use crate::http::durability::{self, respond_when_durable};
use crate::http::security::{self, Policies};
use crate::http::{drain, overload, remote_access, request};
use crate::site::Site;
use crate::{api, docs, metrics, security_txt, site_files, webhooks, workers};

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
}

/// Builds the router of the whole server.
pub fn router(parts: Parts) -> Router {
    let Parts { app, site, sandbox, sandbox_allow_remote, api_v1_enabled, metrics_token, security_contact } =
        parts;
    let services = app.services.clone();
    let api = api::router(services.clone(), api_v1_enabled);
    let docs = docs::build(&app.server_urls.public_url);
    let page_policy = PagePolicy::new(&app.server_urls.public_url, &app.polar_url, site.assets().as_ref());
    let policies = Policies::new(&app.server_urls.public_url, &page_policy);
    let pages = reef_app::router(
        services.clone(),
        SiteParts {
            docs: Arc::clone(&docs),
            assets: site.assets(),
            policy: page_policy,
            info: SiteInfo { sandbox: sandbox.is_some(), sandbox_bots: app.sandbox_bots },
        },
    );
    let for_machines = webhooks::router(services.clone()).merge(workers::router(app.workers.clone()));
    let mut routes = Router::new()
        .merge(respond_when_durable(pages, &services, durability::error_page))
        .merge(respond_when_durable(api, &services, durability::api_error))
        .merge(respond_when_durable(for_machines, &services, durability::unavailable))
        // What says whether this process is alive does not wait for the disk.
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
