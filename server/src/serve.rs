//! `reef serve`: starts the server and its background tasks, and stops them without losing work.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use reef_domain::ErrorChain;
use reef_jobs::supervise;
use reef_sandbox::Sandbox;
use reef_service::jobs::runner;
use secrecy::ExposeSecret as _;

use crate::compose::{self, App, PublicUrls};
use crate::config::Config;
use crate::http::connections;
use crate::log;
use crate::router::{Parts, router};
use crate::site::Site;

/// How long a replica accepts requests after `/readyz` has begun to fail, because load balancers check it only every few
/// seconds.
const SHUTDOWN_NOTICE: Duration = Duration::from_secs(5);
/// How long open requests and jobs may take to finish after a signal. Orchestrators kill a process after 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// Returns an error if the address cannot be bound, or the database or the sandbox cannot be opened.
pub async fn serve(config: &Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let listener = TcpListener::bind(config.bind_addr)
        .await
        .with_context(|| format!("BIND_ADDR: could not listen on {}", config.bind_addr))?;
    serve_on(config, listener, stop).await
}

/// Serves on a listener until `stop` is cancelled.
///
/// # Errors
/// Returns an error if the database or the sandbox cannot be opened.
pub async fn serve_on(config: &Config, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let store = compose::open_store(config).await?;
    serve_store(config, store, listener, stop).await
}

/// As [`serve_on`], with an open database.
///
/// # Errors
/// Returns an error if the database does not answer or the sandbox cannot be opened.
pub async fn serve_store(
    config: &Config,
    store: compose::Store,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut server_urls = PublicUrls::new(config, listener.local_addr()?);
    let sandbox = if config.sandbox { Some(open_sandbox(config, &server_urls).await?) } else { None };
    server_urls.sandbox_smtp = sandbox.as_ref().map(Sandbox::smtp_url);
    let app = compose::build_app(config, store.clone(), server_urls.clone())?;
    app.services.release_previous_leases().await?;
    let parts = Parts {
        app: app.clone(),
        site: Site::load().context("the site could not be loaded")?,
        sandbox: sandbox.as_ref().map(Sandbox::router),
        sandbox_allow_remote: config.sandbox_allow_remote,
        api_v1_enabled: config.api_v1_enabled,
        metrics_token: config.metrics_token.clone(),
        security_contact: config.security_contact.clone(),
    };
    let routes = router(parts);

    // Jobs call workers and the sandbox over HTTP, so they stop first, while this process still serves requests.
    let background = TaskTracker::new();
    spawn_loops(&background, &app, &stop);
    if let Some(sandbox) = &sandbox {
        sandbox.start(supervise);
    }
    background.close();

    tracing::info!(address = %listener.local_addr()?, public_url = server_urls.public_url, sandbox = config.sandbox, "server started");
    if !app.services.is_mail_enabled() {
        tracing::warn!(
            "SMTP_URL is not set, so no mail is sent: users cannot confirm their email address or reset their password"
        );
    }
    let closing = CancellationToken::new();
    let proxies = config.trusted_proxies.clone();
    let server = tokio::spawn(connections::serve(listener, routes, proxies, closing.clone()));

    tokio::select! {
        () = stop.cancelled() => {}
        () = store.durability_lost() => exit_without_closing(),
    }
    // A single process has no other replica to which a load balancer could send requests.
    let notice = if store.is_single_process() { Duration::ZERO } else { SHUTDOWN_NOTICE };
    tracing::info!(notice_s = notice.as_secs(), "shutdown started");
    app.services.event_bus().close();
    if let Some(sandbox) = &sandbox {
        // Requests that the sandbox delays on purpose would delay the shutdown.
        sandbox.drain();
    }
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async {
        tokio::join!(background.wait(), tokio::time::sleep(notice));
        closing.cancel();
        server.await
    });
    match drained.await {
        Ok(ended) => ended.context("the server task failed")?,
        Err(_) => tracing::warn!("shutdown timed out; unfinished work continues at the next start"),
    }
    if let Some(sandbox) = sandbox {
        sandbox.close().await;
    }
    // Requests that were answered during the shutdown are not in the keys' request logs yet.
    if let Err(error) = app.services.write_request_log().await {
        tracing::warn!(error = %ErrorChain(&error), "last requests of API keys could not be recorded");
    }
    store.close().await;
    tracing::info!("server stopped");
    Ok(())
}

/// Ends the process after a failed sync of the database, so that a new one recovers what is really in the file. Nothing is
/// closed, because SQLite would then copy changes into the database that may not be what was written.
fn exit_without_closing() -> ! {
    tracing::error!("server ends because changes can no longer be made durable");
    std::process::exit(1);
}

/// Starts the loops that run until `stop`, each of which is restarted if it panics.
fn spawn_loops(background: &TaskTracker, app: &App, stop: &CancellationToken) {
    macro_rules! spawn {
        ($name:literal, $owner:expr, $run:ident) => {
            let (owner, stop) = ($owner, stop.clone());
            background
                .spawn(async move { supervise($name, stop.clone(), || owner.$run(stop.clone())).await });
        };
    }
    let services = &app.services;
    spawn!("jobs", runner(services.clone()), run);
    spawn!("maintenance", services.clone(), run_maintenance);
    spawn!("payment_checks", services.clone(), reconcile);
    spawn!("health_checks", services.clone(), run_health_checks);
    spawn!("prices", services.clone(), refresh_prices_periodically);
    spawn!("workers", app.workers.clone(), run);
    spawn!("notifications", services.clone(), run_notification_listener);
    spawn!("rate_limits", services.clone(), run_rate_limit_sync);
    spawn!("request_log", services.clone(), run_request_log_writer);
    let stop = stop.clone();
    background
        .spawn(async move { supervise("metrics", stop.clone(), || maintain_metrics(stop.clone())).await });
}

/// Releases the memory of recorded samples every few seconds, because there may be no scrapes, and reports lost log lines.
async fn maintain_metrics(stop: CancellationToken) {
    const INTERVAL: Duration = Duration::from_secs(5);
    let mut reported = 0;
    while tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_err() {
        crate::metrics::run_upkeep();
        let lost = log::lost_lines();
        if lost > reported {
            tracing::warn!(lines = lost - reported, "log lines lost: standard error is not read fast enough");
            reported = lost;
        }
        metrics::counter!("reef_log_lines_lost_total").absolute(u64::try_from(lost).unwrap_or(u64::MAX));
    }
}

async fn open_sandbox(config: &Config, server_urls: &PublicUrls) -> anyhow::Result<Sandbox> {
    let database = config.sandbox_database.clone().unwrap_or_else(|| config.data_folder().join("sandbox.db"));
    compose::create_sandbox_database(&database)?;
    let options = reef_sandbox::Options {
        database,
        public_url: server_urls.public_url.clone(),
        polar_webhook_secret: config
            .polar
            .webhook_secret
            .as_ref()
            .map_or(reef_sandbox::DEFAULT_POLAR_WEBHOOK_SECRET, |secret| secret.expose_secret())
            .to_owned(),
        polar_webhook_url: Some(format!("{}/webhooks/polar", server_urls.loopback_url)),
        smtp_bind: SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    reef_sandbox::open(options).await.context("the sandbox could not be opened")
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not install a signal handler")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not install a signal handler")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
