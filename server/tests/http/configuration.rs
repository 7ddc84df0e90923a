//! Configuration variables: their defaults, their effects, and that `.env.example` lists them all.

use std::collections::BTreeSet;
use std::time::Duration;

use reef_server::config::{Config, LogFormat};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::{App, activation, bot_token};

const VARIABLES: [&str; 31] = [
    "BIND_ADDR",
    "PUBLIC_URL",
    "DATABASE_URL",
    "SECRET_KEY",
    "ASSISTANTS_API_V1_ENABLED",
    "SANDBOX",
    "SANDBOX_ALLOW_REMOTE",
    "POLAR_ACCESS_TOKEN",
    "POLAR_WEBHOOK_SECRET",
    "POLAR_PRODUCT_ID_BYOK",
    "POLAR_PRODUCT_ID_MANAGED",
    "POLAR_API_URL",
    "WORKER_HOST",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_API_TOKEN",
    "CLOUDFLARE_API_URL",
    "TELEGRAM_API_URL",
    "OPENROUTER_MANAGEMENT_KEY",
    "OPENROUTER_API_URL",
    "MANAGED_CREDIT_USD",
    "ANTHROPIC_API_URL",
    "OPENAI_API_URL",
    "GOOGLE_API_URL",
    "SMTP_URL",
    "MAIL_FROM",
    "CALLBACK_OVERRIDES",
    "DEPLOY_TIMEOUT_SECS",
    "RATE_LIMIT_PER_MINUTE",
    "SIGNUPS",
    "LOG_FORMAT",
    "RUST_LOG",
];

#[test]
fn env_example_lists_every_variable() {
    let example = include_str!("../../../.env.example");
    let listed: BTreeSet<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .map(|(name, _)| name)
        .collect();
    for name in VARIABLES {
        assert!(listed.contains(name), "{name}");
    }
}

#[test]
fn config_without_variables_has_defaults() {
    let bare = Config::from_vars([]).unwrap();
    assert_eq!(bare.bind_addr.to_string(), "127.0.0.1:3000");
    assert_eq!((bare.public_url, bare.database_url.expose_secret()), (None, "sqlite://data/reef.db"));
    assert!(bare.api_v1_enabled && bare.sandbox && bare.signups_open);
    assert_eq!((bare.deploy_timeout, bare.rate_limit_per_minute), (Duration::from_secs(300), 600));
    assert!((bare.managed_credit_usd - 5.0).abs() < f64::EPSILON);
    assert_eq!(
        (bare.log_format, bare.log_filter.as_str()),
        (LogFormat::Text, "info,sqlx::postgres::notice=warn")
    );
}

#[tokio::test]
async fn public_url_is_used_in_links() {
    let app =
        App::start_with(&[("PUBLIC_URL", "https://reef.example/"), ("SANDBOX_ALLOW_REMOTE", "true")]).await;
    let me = app.customer().await;
    let (id, checkout) = me.purchase("byok").await;
    let page = checkout.strip_prefix("https://reef.example").expect("the checkout has another origin");
    let pay = app.http.post(format!("{}/pay", app.url(page))).send().await.unwrap();
    let back = pay.headers()["location"].to_str().unwrap();
    assert!(back.starts_with(&format!("https://reef.example/assistants/{id}")), "{back}");
    me.wait_for_status(&id, "purchased").await;
    me.ok("POST", &format!("/{id}/activate"), activation(&bot_token("ok"))).await;
    let active = me.wait_for_status(&id, "active").await;
    let name = active["workerName"].as_str().unwrap();
    assert_eq!(active["workerUrl"], json!(format!("https://reef.example/workers/{name}")));
}

#[tokio::test]
async fn missing_public_url_defaults_to_bound_address() {
    let app = App::start().await;
    let me = app.customer().await;
    let (id, checkout) = me.purchase("byok").await;
    assert!(checkout.starts_with(&app.url("/")), "{checkout}");
    let pay = app.http.post(format!("{checkout}/pay")).send().await.unwrap();
    assert_eq!(pay.status(), 303);
    let back = pay.headers()["location"].to_str().unwrap();
    assert!(back.starts_with(&app.url(&format!("/assistants/{id}"))), "{back}");
}

#[tokio::test]
async fn sandbox_banner_and_routes_exist_only_in_sandbox() {
    const BANNER: &str = "class=\"sandbox-banner\"";
    let page = async |app: &App, path: &str| {
        let answer = app.http.get(app.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let on = App::start().await;
    for path in ["/", "/signin", "/signup", "/nothing-here"] {
        let (_, text) = page(&on, path).await;
        assert!(text.contains(BANNER), "{path}");
    }
    let off = App::start_with(&[("SANDBOX", "false")]).await;
    assert!(!page(&off, "/").await.1.contains(BANNER));
    for path in ["/sandbox/", "/sandbox/requests", "/sandbox/telegram/", "/sandbox/polar/v1/checkouts/"] {
        assert_eq!(page(&off, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn configured_vendor_url_overrides_sandbox() {
    let elsewhere = App::start().await;
    let telegram = elsewhere.url("/sandbox/telegram");
    let app = App::start_with(&[("TELEGRAM_API_URL", &telegram)]).await;
    let me = app.customer().await;
    let id = me.purchased("byok").await;
    me.ok("POST", &format!("/{id}/activate"), activation(&bot_token("ok"))).await;
    me.wait_for_status(&id, "active").await;
    assert_eq!(app.vendor_requests("telegram").await, Vec::<Value>::new());
    assert!(
        elsewhere
            .vendor_requests("telegram")
            .await
            .iter()
            .any(|call| call["path"].as_str().unwrap().ends_with("/getMe"))
    );
    assert!(!app.vendor_requests("anthropic").await.is_empty(), "other vendors are still simulated");
}
