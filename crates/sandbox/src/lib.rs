//! The outside world in a box: Polar, Telegram, the model providers, OpenRouter and a mail server, played in their own wire formats
//! on paths under `/sandbox/`, with pages for people and switches for tests.
//!
//! It knows nothing of Reef: Reef reaches it through the clients it uses in production, by base URL alone. All state
//! is in one SQLite file of its own; what is to be delivered (webhooks, updates) is written there first and sent by
//! background tasks, so that a killed process loses nothing.
#![recursion_limit = "512"]

mod callbacks;
mod clock;
mod courier;
mod db;
mod faults;
mod mail;
mod models;
mod page;
mod polar;
mod requests;
mod telegram;
mod web;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Router, extract::DefaultBodyLimit, response::Redirect, routing::get};
use sqlx::SqlitePool;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The secret of the default Polar webhook endpoint: `whsec_` and 43 letters and digits, as Polar makes them, which is
/// not valid padded base64.
pub const DEFAULT_POLAR_WEBHOOK_SECRET: &str = "whsec_e8F7zLClc7XZemPn8buWtbBaZW35LaLR0WpWM7hH2tA";

/// The largest body that any part of the sandbox reads.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// After a start the deliveries that wait are tried this much later: the server beside is about to listen.
const SOON_MS: i64 = 500;
/// How often [`tend`] looks around.
const TEND_EVERY: Duration = Duration::from_secs(30);

/// What [`open`] needs to know. It holds a secret, so it has no `Debug`.
#[derive(Clone)]
pub struct Options {
    /// The sandbox's own SQLite file, created if missing.
    pub database: PathBuf,
    /// Where browsers and Reef reach this process, without a trailing slash: `http://127.0.0.1:3000`.
    pub public_url: String,
    /// The secret of the default Polar webhook endpoint, see [`DEFAULT_POLAR_WEBHOOK_SECRET`].
    pub polar_webhook_secret: String,
    /// The URL of the default Polar webhook endpoint. `None`: `/webhooks/polar` at the origin of the checkout's
    /// `success_url`.
    pub polar_webhook_url: Option<String>,
    /// Where mail is taken, by SMTP. Port 0: any that is free.
    pub smtp_bind: SocketAddr,
}

/// The base URLs at which Reef's clients find each vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorUrls {
    /// For `POLAR_API_URL`.
    pub polar: String,
    /// For `TELEGRAM_API_URL`.
    pub telegram: String,
    /// For `ANTHROPIC_API_URL`.
    pub anthropic: String,
    /// For `OPENAI_API_URL`; ends in `/v1`.
    pub openai: String,
    /// For `GOOGLE_API_URL`.
    pub google: String,
    /// For `OPENROUTER_API_URL`; ends in `/api/v1`.
    pub openrouter: String,
}

/// The vendors of a sandbox reached at `base` (no trailing slash).
pub fn vendor_urls(base: &str) -> VendorUrls {
    VendorUrls {
        polar: format!("{base}/sandbox/polar"),
        telegram: format!("{base}/sandbox/telegram"),
        anthropic: format!("{base}/sandbox/anthropic"),
        openai: format!("{base}/sandbox/openai/v1"),
        google: format!("{base}/sandbox/google"),
        openrouter: format!("{base}/sandbox/openrouter/api/v1"),
    }
}

/// What all handlers and background tasks share.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

pub(crate) struct Inner {
    pub db: SqlitePool,
    pub public_url: String,
    pub polar_webhook_secret: String,
    pub polar_webhook_url: Option<String>,
    /// Signalled when a Polar event was written.
    pub polar_events: Notify,
    /// Signalled when a Telegram update was written or a webhook set.
    pub telegram_updates: Notify,
    pub telegram_polls: telegram::Polls,
    /// Cancelled once the sandbox is to end.
    pub stop: CancellationToken,
}

impl std::ops::Deref for World {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A running sandbox.
pub struct Sandbox {
    world: World,
    smtp: SocketAddr,
    tasks: TaskTracker,
}

/// Opens the database and starts the background tasks: Polar's webhooks, Telegram's updates, the mail server,
/// the expiry of checkouts.
/// What was waiting when the last process ended is delivered now.
///
/// # Errors
///
/// The database cannot be opened, the address for mail cannot be bound, or the HTTP client cannot be made.
pub async fn open(options: Options) -> anyhow::Result<Sandbox> {
    let world = World(Arc::new(Inner {
        db: db::open(&options.database).await?,
        public_url: options.public_url.trim_end_matches('/').to_owned(),
        polar_webhook_secret: options.polar_webhook_secret,
        polar_webhook_url: options.polar_webhook_url,
        polar_events: Notify::new(),
        telegram_updates: Notify::new(),
        telegram_polls: telegram::Polls::default(),
        stop: CancellationToken::new(),
    }));
    let http = http_client()?;
    let smtp = TcpListener::bind(options.smtp_bind)
        .await
        .with_context(|| format!("{} cannot be bound for mail", options.smtp_bind))?;
    let smtp_address = smtp.local_addr()?;
    let soon = clock::now_ms() + SOON_MS;
    polar::settle_endpoints(&world).await?;
    polar::hurry(&world, soon).await?;
    telegram::hurry(&world, soon).await?;
    let stop = world.stop.clone();
    let tasks = TaskTracker::new();
    tasks.spawn(courier::run(polar::Webhooks(world.clone()), http.clone(), stop.clone()));
    tasks.spawn(courier::run(telegram::Updates(world.clone()), http, stop));
    tasks.spawn(mail::serve(world.clone(), smtp));
    tasks.spawn(tend(world.clone()));
    tasks.close();
    Ok(Sandbox { world, smtp: smtp_address, tasks })
}

impl Sandbox {
    /// Every route of the sandbox, with full paths that begin with `/sandbox/`.
    pub fn router(&self) -> Router {
        let vendors = Router::new()
            .merge(polar::api_routes())
            .merge(telegram::api_routes())
            .merge(models::routes())
            .route_layer(axum::middleware::from_fn_with_state(self.world.clone(), requests::record));
        Router::new()
            .route("/sandbox/", get(|| async { page::front() }))
            .route("/sandbox", get(|| async { Redirect::to("/sandbox/") }))
            .route("/sandbox/polar", get(|| async { Redirect::to("/sandbox/polar/") }))
            .route("/sandbox/telegram", get(|| async { Redirect::to("/sandbox/telegram/") }))
            .route("/sandbox/callbacks", get(|| async { Redirect::to("/sandbox/callbacks/") }))
            .merge(vendors)
            .merge(polar::page_routes())
            .merge(telegram::page_routes())
            .merge(callbacks::routes())
            .merge(mail::routes())
            .merge(faults::routes())
            .merge(requests::routes())
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self.world.clone())
    }

    /// For `SMTP_URL`.
    pub fn smtp_url(&self) -> String {
        format!("smtp://{}", self.smtp)
    }

    /// Ends what could hold up a server that waits for its open requests: polls and calls that never answer. No more
    /// deliveries begin; all else still works. [`Sandbox::close`] does this too.
    pub fn drain(&self) {
        self.world.stop.cancel();
    }

    /// Stops the background tasks and closes the database. Deliveries under way get a second to end.
    pub async fn close(&self) {
        self.drain();
        self.tasks.wait().await;
        self.world.db.close().await;
    }
}

/// Plain HTTP/1.1 to whoever wants webhooks: no proxy, no redirects.
fn http_client() -> anyhow::Result<reqwest::Client> {
    // An error says that the process has chosen a provider already, which is just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .build()
        .context("the sandbox's HTTP client cannot be made")
}

/// What happens by itself as time goes by.
async fn tend(world: World) {
    let mut ticks = tokio::time::interval(TEND_EVERY);
    loop {
        tokio::select! {
            () = world.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = polar::expire_checkouts(&world).await {
            tracing::error!(%error, "checkouts could not be expired");
        }
        if let Err(error) = polar::resume_subscriptions(&world).await {
            tracing::error!(%error, "paused subscriptions could not be resumed");
        }
        for swept in [
            polar::forget_old(&world).await,
            telegram::forget_old(&world).await,
            callbacks::forget_old(&world).await,
        ] {
            if let Err(error) = swept {
                tracing::error!(%error, "the sandbox could not be swept");
            }
        }
    }
}
