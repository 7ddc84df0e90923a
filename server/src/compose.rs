//! Builds the service layer from the configuration: which adapter implements which port, and which URL each vendor has.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use data_encoding::BASE64;
use reef_outbound::{
    Http, HttpCallbackSender, MailSender, ModelProvidersClient, OpenRouterKeys, Polar, ProviderUrls, Smtp,
    SmtpServer, TelegramApi,
};
use reef_outbound::{SystemClock, SystemEntropy};
use reef_ports::{Entropy, Mailer, ManagedKeys, Ports};
use reef_sandbox::VendorUrls;
use reef_service::Services;
use reef_store::file_permissions;
use reef_vault::{KEY_LENGTH, Vault};
use reef_workers::embedded::{Embedded, UpdateSource};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;

/// The database, as [`open_store`] opens it.
pub use reef_store::Store;

/// How long turns may continue when the process stops.
const TURNS_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The host of callback URLs that the sandbox receives.
const SANDBOX_CALLBACKS_HOST: &str = "callbacks.sandbox.test";

/// The URLs at which this process is reached.
#[derive(Clone, Debug)]
pub struct PublicUrls {
    /// The URL for customers, without a trailing slash.
    pub public_url: String,
    /// The URL for requests from this process, over loopback.
    pub loopback_url: String,
    /// The SMTP URL of the sandbox in this process, once it runs.
    pub sandbox_smtp: Option<String>,
}

impl PublicUrls {
    /// Derives the URLs from the configuration and the bound address.
    #[must_use]
    pub fn new(config: &Config, bound: SocketAddr) -> Self {
        let own = if bound.ip().is_unspecified() {
            SocketAddr::from(([127, 0, 0, 1], bound.port()))
        } else {
            bound
        };
        let own_url = format!("http://{own}");
        let public_url = config.public_url.clone().unwrap_or_else(|| own_url.clone());
        Self { public_url, loopback_url: own_url, sandbox_smtp: None }
    }
}

/// The service layer and the worker host behind it.
#[derive(Clone)]
pub struct App {
    /// The service layer with all use cases.
    pub services: Services,
    /// The host that runs the workers.
    pub workers: Embedded,
    /// The URLs at which this process is reached.
    pub server_urls: PublicUrls,
    /// The URL of Polar's API. In a sandbox, the checkout and the customer portal have the same origin.
    pub polar_url: String,
    /// Whether bots are those of the sandbox in this process.
    pub sandbox_bots: bool,
}

/// Opens the database and migrates it.
///
/// # Errors
/// Returns an error if the database cannot be opened or migrated.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let store = open_store_unmigrated(config).await?;
    store.migrate().await.context("the database could not be migrated")?;
    Ok(store)
}

/// Opens the database without migrating it.
///
/// # Errors
/// Returns an error if the database cannot be opened.
pub async fn open_store_unmigrated(config: &Config) -> anyhow::Result<Store> {
    let url = config.database_url.expose_secret();
    Store::connect(url).await.context("DATABASE_URL: the database could not be opened")
}

/// Creates the file of the sandbox's database, which only its owner can read.
///
/// # Errors
/// Returns an error if the file cannot be created.
pub(crate) fn create_sandbox_database(file: &Path) -> anyhow::Result<()> {
    file_permissions::create_private_database(file)
        .with_context(|| format!("{} could not be created", file.display()))
}

/// Builds the service layer and the worker host on an open database.
///
/// # Errors
/// Returns an error if the secret key cannot be read or created, or a client cannot be built.
pub fn build_app(config: &Config, store: Store, server_urls: PublicUrls) -> anyhow::Result<App> {
    let vault = Arc::new(open_vault(config)?);
    let sandbox = config.sandbox.then(|| reef_sandbox::vendor_urls(&server_urls.loopback_url));
    let url = |configured: &Option<String>, of: fn(&VendorUrls) -> &String, vendor: &str| {
        configured
            .clone()
            .or_else(|| sandbox.as_ref().map(|urls| of(urls).clone()))
            .unwrap_or_else(|| vendor.to_owned())
    };
    let telegram_url = url(&config.telegram_api_url, |urls| &urls.telegram, "https://api.telegram.org");
    let sandbox_bots = sandbox.as_ref().is_some_and(|urls| urls.telegram == telegram_url);
    let openrouter_url =
        url(&config.openrouter_api_url, |urls| &urls.openrouter, "https://openrouter.ai/api/v1");
    let providers = ProviderUrls {
        anthropic: url(&config.anthropic_api_url, |urls| &urls.anthropic, "https://api.anthropic.com"),
        openai: url(&config.openai_api_url, |urls| &urls.openai, "https://api.openai.com/v1"),
        google: url(&config.google_api_url, |urls| &urls.google, "https://generativelanguage.googleapis.com"),
        openrouter: openrouter_url.clone(),
    };
    let http = Http::new().context("the HTTP client could not be built")?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let sandbox_secret = || config.sandbox.then(|| SecretString::from("sandbox"));
    let workers = Embedded::new(
        store.clone(),
        Arc::clone(&vault),
        clock.clone(),
        entropy.clone(),
        http.clone(),
        reef_workers::embedded::Config {
            public_url: server_urls.public_url.clone(),
            update_source: update_delivery(&server_urls.public_url, &telegram_url),
            telegram_url: telegram_url.clone(),
            provider_urls: providers.clone(),
            drain: TURNS_DRAIN_TIMEOUT,
        },
    );
    let mut overrides = config.callback_overrides.clone();
    // An override that the operator configured for this host takes precedence.
    if config.sandbox && !overrides.contains(SANDBOX_CALLBACKS_HOST) {
        let base = format!("{}/sandbox/callbacks", server_urls.loopback_url);
        overrides.add(SANDBOX_CALLBACKS_HOST, &base).map_err(anyhow::Error::msg)?;
    }
    let management_key = config.openrouter_management_key.clone().or_else(sandbox_secret);
    let managed_keys = management_key.map(|key| -> Arc<dyn ManagedKeys> {
        Arc::new(OpenRouterKeys::new(http.clone(), openrouter_url.clone(), key))
    });
    let token = config.polar.access_token.clone().or_else(sandbox_secret);
    let polar_url = url(&config.polar.api_url, |urls| &urls.polar, "https://api.polar.sh");
    let ports = Ports {
        clock,
        entropy,
        payments: Arc::new(Polar::new(http.clone(), polar_url.clone(), token.unwrap_or_default())),
        workers: Arc::new(workers.clone()),
        telegram: Arc::new(TelegramApi::new(http.clone(), telegram_url)),
        models: Arc::new(ModelProvidersClient::new(http.clone(), providers)),
        managed_keys,
        callbacks: Arc::new(
            HttpCallbackSender::new(http, overrides).context("the callback client could not be built")?,
        ),
        mailer: mailer(config, &server_urls)?,
    };
    let services = Services::new(store, service_config(config, &server_urls), vault, ports);
    Ok(App { services, workers, server_urls, polar_url, sandbox_bots })
}

/// The mailer for the configured mail server, or for the sandbox's; `None` if there is neither.
fn mailer(config: &Config, server_urls: &PublicUrls) -> anyhow::Result<Option<Arc<dyn Mailer>>> {
    let in_sandbox = || server_urls.sandbox_smtp.as_deref().map(SmtpServer::parse).transpose();
    let server = match &config.smtp {
        Some(server) => Some(server.clone()),
        None => in_sandbox().map_err(anyhow::Error::msg)?,
    };
    let Some(server) = server else { return Ok(None) };
    let sender = match &config.mail_from {
        Some(sender) => sender.clone(),
        None => MailSender::default_for(&server_urls.public_url)
            .map_err(anyhow::Error::msg)
            .context("MAIL_FROM")?,
    };
    Ok(Some(Arc::new(Smtp::new(&server, sender)?)))
}

/// Telegram sends webhooks to https URLs only. A Bot API server on loopback, such as the sandbox, also sends them to
/// loopback. In all other cases the worker has to poll.
fn update_delivery(public_url: &str, telegram_url: &str) -> UpdateSource {
    let is_local = url::Url::parse(telegram_url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    });
    if public_url.starts_with("https://") || is_local { UpdateSource::Webhook } else { UpdateSource::Polling }
}

fn service_config(config: &Config, server_urls: &PublicUrls) -> reef_service::Config {
    let polar = &config.polar;
    // Simulated payments need no setup. An operator with a Polar token configures the products, too.
    let is_simulated = config.sandbox
        && polar.access_token.is_none()
        && polar.product_byok.is_none()
        && polar.product_managed.is_none();
    let product = |configured: &Option<String>, sandbox: &str| {
        configured.clone().or_else(|| is_simulated.then(|| sandbox.to_owned()))
    };
    let sandbox_secret =
        || config.sandbox.then(|| SecretString::from(reef_sandbox::DEFAULT_POLAR_WEBHOOK_SECRET));
    reef_service::Config {
        public_url: server_urls.public_url.clone(),
        product_byok: product(&polar.product_byok, "sandbox-byok"),
        product_managed: product(&polar.product_managed, "sandbox-managed"),
        payments_configured: polar.access_token.is_some() || config.sandbox,
        polar_webhook_secret: polar.webhook_secret.clone().or_else(sandbox_secret),
        deploy_timeout: config.deploy_timeout,
        signups_open: config.signups_open,
        rate_limit_per_minute: config.rate_limit_per_minute,
        auth_failures_per_minute: config.auth_failures_per_minute,
        managed_credit_usd: config.managed_credit_usd,
    }
}

/// Opens the vault with the configured key, or with the one in `data/secret.key`, which is created at the first start.
fn open_vault(config: &Config) -> anyhow::Result<Vault> {
    let key = match &config.secret_key {
        Some(key) => key.clone(),
        None => load_or_create_key(&config.data_folder().join("secret.key"))?,
    };
    Vault::new(&key).context("SECRET_KEY")
}

fn load_or_create_key(path: &Path) -> anyhow::Result<SecretString> {
    if let Some(folder) = path.parent() {
        file_permissions::create_private_directory(folder)
            .with_context(|| format!("{} could not be created", folder.display()))?;
    }
    file_permissions::restrict_file(path)
        .with_context(|| format!("the permissions of {} could not be restricted", path.display()))?;
    let read = || fs::read_to_string(path).map(|text| SecretString::from(text.trim().to_owned()));
    match read() {
        Ok(key) => return Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{} could not be read", path.display())),
    }
    let mut bytes = [0; KEY_LENGTH];
    SystemEntropy.fill(&mut bytes);
    let key = SecretString::from(BASE64.encode(&bytes));
    // The key is first written to a file with a different name and then linked, so that two processes that start at the same time
    // agree on one key.
    let mut suffix = [0; 8];
    SystemEntropy.fill(&mut suffix);
    let temporary = path.with_extension(format!("key.{:016x}", u64::from_be_bytes(suffix)));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(format!("{}\n", key.expose_secret()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    file_permissions::sync_directory(path.parent().unwrap_or(Path::new("")))?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            read().context("secret.key could not be read")
        }
        Err(error) => Err(error).with_context(|| format!("{} could not be created", path.display())),
    }
}
