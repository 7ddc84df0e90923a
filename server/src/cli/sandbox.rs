//! `reef sandbox` runs the sandbox as a separate process, so that Reef can be restarted or killed while the sandbox continues.

use anyhow::{Context as _, bail};
use reef_jobs::supervise;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{SandboxArgs, print};
use crate::compose;
use crate::config::{Config, is_loopback_url};
use crate::http::remote_access;

/// Rejects addresses that other machines can reach, as `reef serve` does.
fn require_loopback(config: &Config, args: &SandboxArgs) -> anyhow::Result<()> {
    if config.sandbox_allow_remote {
        return Ok(());
    }
    let is_local = args.public_url.as_deref().is_none_or(is_loopback_url);
    for (name, is_here) in [
        ("--bind", args.bind.ip().is_loopback()),
        ("--smtp-bind", args.smtp_bind.ip().is_loopback()),
        ("--public-url", is_local),
    ] {
        if !is_here {
            bail!(
                "{name}: the sandbox shows all mail to anyone, so it may only listen on loopback; set SANDBOX_ALLOW_REMOTE=true to allow other addresses"
            );
        }
    }
    Ok(())
}

/// Serves the sandbox until SIGTERM or Ctrl-C.
pub(super) async fn run(config: &Config, args: SandboxArgs) -> anyhow::Result<()> {
    require_loopback(config, &args)?;
    let listener = TcpListener::bind(args.bind)
        .await
        .with_context(|| format!("--bind: could not listen on {}", args.bind))?;
    let url =
        args.public_url.unwrap_or_else(|| format!("http://{}", listener.local_addr().unwrap_or(args.bind)));
    let url = url.trim_end_matches('/').to_owned();
    compose::create_sandbox_database(&args.database).context("--database")?;
    let secret = config.polar.webhook_secret.clone();
    let options = reef_sandbox::Options {
        database: args.database,
        public_url: url.clone(),
        polar_webhook_secret: secret
            .as_ref()
            .map_or(reef_sandbox::DEFAULT_POLAR_WEBHOOK_SECRET, |secret| secret.expose_secret())
            .to_owned(),
        polar_webhook_url: args.webhook_url,
        smtp_bind: args.smtp_bind,
    };
    let polar_webhook_secret = options.polar_webhook_secret.clone();
    let sandbox = reef_sandbox::open(options).await.context("the sandbox could not be opened")?;
    sandbox.start(supervise);
    print(&environment(&url, &polar_webhook_secret, &sandbox.smtp_url()))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut routes = sandbox.router();
    if !config.sandbox_allow_remote {
        routes = routes.layer(axum::middleware::from_fn(remote_access::protect_sandbox));
    }
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await?;
    sandbox.close().await;
    Ok(())
}

/// The environment variables with which another Reef process uses this sandbox.
fn environment(url: &str, secret: &str, smtp_url: &str) -> String {
    let urls = reef_sandbox::vendor_urls(url);
    format!(
        "# The sandbox is at {url}/sandbox/. To use it, start Reef with:\n\
         SANDBOX=false\nPOLAR_ACCESS_TOKEN=sandbox\nPOLAR_WEBHOOK_SECRET={secret}\n\
         POLAR_PRODUCT_ID_BYOK=sandbox-byok\nPOLAR_PRODUCT_ID_MANAGED=sandbox-managed\n\
         OPENROUTER_MANAGEMENT_KEY=sandbox\nPOLAR_API_URL={}\nTELEGRAM_API_URL={}\nANTHROPIC_API_URL={}\n\
         OPENAI_API_URL={}\nGOOGLE_API_URL={}\nOPENROUTER_API_URL={}\n\
         SMTP_URL={smtp_url}\n\
         CALLBACK_OVERRIDES=callbacks.sandbox.test={url}/sandbox/callbacks",
        urls.polar, urls.telegram, urls.anthropic, urls.openai, urls.google, urls.openrouter
    )
}
