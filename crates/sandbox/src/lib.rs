//! The outside world, simulated: Polar, Telegram, the model providers, OpenRouter and a mail server in their own wire
//! formats on paths under `/sandbox/`, with pages for people and faults for tests.
//!
//! It depends on no other crate of Reef. Reef reaches it with its production clients, by setting only their base URLs. All state is in one
//! SQLite file. Webhooks and updates are stored before background tasks send them, so that a killed process loses nothing.
#![recursion_limit = "512"]

mod callbacks;
mod clock;
mod db;
mod delivery_queue;
mod faults;
mod mail;
mod models;
mod page;
mod polar;
mod requests;
mod telegram;
mod vendor;
mod web;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::Context as _;
use axum::{Router, extract::DefaultBodyLimit, response::Redirect, routing::get};
use delivery_queue::DeliveryQueue;
use futures::{FutureExt as _, future::BoxFuture};
use sqlx::SqlitePool;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The secret of the default Polar webhook endpoint. Like Polar's own secrets, it is `whsec_` and 43 letters and digits,
/// which is not valid padded base64.
pub const DEFAULT_POLAR_WEBHOOK_SECRET: &str = "whsec_e8F7zLClc7XZemPn8buWtbBaZW35LaLR0WpWM7hH2tA";

const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Pending deliveries are sent this long after a start, because the server in the same process does not listen yet.
const START_DELAY_MS: i64 = 500;
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(30);

/// The arguments of [`open`]. The type has no `Debug`, because it holds a secret.
#[derive(Clone)]
pub struct Options {
    /// The sandbox's own SQLite file, created if missing.
    pub database: PathBuf,
    /// Where browsers and Reef reach this process, without a trailing slash: `http://127.0.0.1:3000`.
    pub public_url: String,
    /// The secret of the default Polar webhook endpoint, such as [`DEFAULT_POLAR_WEBHOOK_SECRET`].
    pub polar_webhook_secret: String,
    /// The URL of the default Polar webhook endpoint. `None` means `/webhooks/polar` at the origin of the checkout's
    /// `success_url`.
    pub polar_webhook_url: Option<String>,
    /// The address that the SMTP server listens on; port 0 chooses a free one.
    pub smtp_bind: SocketAddr,
}

/// The base URL of each vendor in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorUrls {
    /// The value of `POLAR_API_URL`.
    pub polar: String,
    /// The value of `TELEGRAM_API_URL`.
    pub telegram: String,
    /// The value of `ANTHROPIC_API_URL`.
    pub anthropic: String,
    /// The value of `OPENAI_API_URL`, which ends in `/v1`.
    pub openai: String,
    /// The value of `GOOGLE_API_URL`.
    pub google: String,
    /// The value of `OPENROUTER_API_URL`, which ends in `/api/v1`.
    pub openrouter: String,
}

/// Returns the URLs of the vendors in a sandbox that is reached at `base`, which has no trailing slash.
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

/// The state that all handlers and background tasks share.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

pub(crate) struct Inner {
    pub db: SqlitePool,
    pub public_url: String,
    pub polar_webhook_secret: String,
    pub polar_webhook_url: Option<String>,
    /// Signaled when a Polar event is stored.
    pub polar_events: Notify,
    /// Signaled when a Telegram update is stored or a webhook is set.
    pub telegram_updates: Notify,
    pub telegram_polls: telegram::Polls,
    /// Whether faults may be stored. Almost always there are none, and each call would read the table.
    pub may_have_faults: AtomicBool,
    pub telegram_flood: telegram::FloodControl,
    /// Cancelled when the sandbox stops.
    pub stop: CancellationToken,
}

impl std::ops::Deref for World {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// An open sandbox with its background loops.
pub struct Sandbox {
    world: World,
    http: reqwest::Client,
    smtp: Arc<TcpListener>,
    smtp_address: SocketAddr,
    tasks: TaskTracker,
}

/// Runs a background loop until the sandbox stops. It may be called again after the loop has panicked.
pub type RunLoop = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Opens the database and the ports. Nothing is sent and no mail is received before [`Sandbox::start`].
///
/// # Errors
///
/// Fails if the database cannot be opened, the SMTP address cannot be bound, or the HTTP client cannot be created.
pub async fn open(options: Options) -> anyhow::Result<Sandbox> {
    let world = World(Arc::new(Inner {
        db: db::open(&options.database).await?,
        public_url: options.public_url.trim_end_matches('/').to_owned(),
        polar_webhook_secret: options.polar_webhook_secret,
        polar_webhook_url: options.polar_webhook_url,
        polar_events: Notify::new(),
        telegram_updates: Notify::new(),
        telegram_polls: telegram::Polls::default(),
        may_have_faults: AtomicBool::new(true),
        telegram_flood: telegram::FloodControl::default(),
        stop: CancellationToken::new(),
    }));
    let http = http_client()?;
    let smtp = TcpListener::bind(options.smtp_bind)
        .await
        .with_context(|| format!("the SMTP server could not listen on {}", options.smtp_bind))?;
    let smtp_address = smtp.local_addr()?;
    let smtp = Arc::new(smtp);
    let due_at = clock::now_ms() + START_DELAY_MS;
    polar::reconcile_default_endpoint(&world).await?;
    polar::expedite_deliveries(&world, due_at).await?;
    telegram::expedite_updates(&world, due_at).await?;
    Ok(Sandbox { world, http, smtp, smtp_address, tasks: TaskTracker::new() })
}

impl Sandbox {
    /// Starts the background loops: Polar's webhooks, Telegram's updates, the mail server, and periodic maintenance.
    /// Deliveries that were pending when the last process ended are sent.
    ///
    /// `supervise` receives the name of each loop, the token that ends it, and what runs it.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        &self,
        supervise: impl Fn(&'static str, CancellationToken, RunLoop) -> F,
    ) {
        let (polar, telegram) = (polar::Webhooks(self.world.clone()), telegram::Updates(self.world.clone()));
        let (world, smtp) = (self.world.clone(), Arc::clone(&self.smtp));
        let loops: [(&str, RunLoop); 4] = [
            ("sandbox_polar", self.deliveries_of(polar)),
            ("sandbox_telegram", self.deliveries_of(telegram)),
            ("sandbox_mail", Box::new(move || mail::serve(world.clone(), Arc::clone(&smtp)).boxed())),
            ("sandbox_maintenance", {
                let world = self.world.clone();
                Box::new(move || run_maintenance(world.clone()).boxed())
            }),
        ];
        for (name, run) in loops {
            self.tasks.spawn(supervise(name, self.world.stop.clone(), run));
        }
        self.tasks.close();
    }

    fn deliveries_of<Q: DeliveryQueue>(&self, queue: Q) -> RunLoop {
        let (http, stop) = (self.http.clone(), self.world.stop.clone());
        Box::new(move || delivery_queue::run(queue.clone(), http.clone(), stop.clone()).boxed())
    }

    /// Returns the routes of the sandbox, whose paths all begin with `/sandbox/`.
    pub fn router(&self) -> Router {
        let vendors = Router::new()
            .merge(polar::api_routes())
            .merge(telegram::api_routes())
            .merge(models::routes())
            .route_layer(axum::middleware::from_fn_with_state(self.world.clone(), requests::record));
        Router::new()
            .route("/sandbox/", get(|| async { page::front_page() }))
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

    /// Returns the value of `SMTP_URL` that sends mail to this sandbox.
    pub fn smtp_url(&self) -> String {
        format!("smtp://{}", self.smtp_address)
    }

    /// Ends long polls and calls that never respond, so that a server that waits for its open requests can stop, and starts
    /// no more deliveries. Everything else still works. [`Sandbox::close`] calls this too.
    pub fn drain(&self) {
        self.world.stop.cancel();
    }

    /// Stops the background loops and closes the database. Deliveries in flight have a second to finish.
    pub async fn close(&self) {
        self.drain();
        self.tasks.close();
        self.tasks.wait().await;
        self.world.db.close().await;
    }
}

/// The client that sends webhooks and updates.
fn http_client() -> anyhow::Result<reqwest::Client> {
    // This fails if the process has installed a provider already, and any provider will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60))
        .build()
        .context("the sandbox's HTTP client could not be created")
}

/// Expires checkouts, resumes paused subscriptions and prunes old rows, periodically.
async fn run_maintenance(world: World) {
    let mut ticks = tokio::time::interval(MAINTENANCE_INTERVAL);
    loop {
        tokio::select! {
            () = world.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = polar::expire_checkouts(&world).await {
            tracing::error!(%error, "sandbox checkouts could not be expired");
        }
        if let Err(error) = polar::resume_subscriptions(&world).await {
            tracing::error!(%error, "sandbox subscriptions could not be resumed");
        }
        for swept in
            [polar::prune(&world).await, telegram::prune(&world).await, callbacks::prune(&world).await]
        {
            if let Err(error) = swept {
                tracing::error!(%error, "sandbox rows could not be pruned");
            }
        }
    }
}
