//! The configuration, which is read from environment variables. Each has a default, so that Reef starts without any of them.

mod parse;
mod vars;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reef_outbound::{HostOverrides, MailSender, SmtpServer};
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::trusted_proxies::TrustedProxies;

pub(crate) use parse::is_loopback_url;
pub use vars::ConfigError;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text that people can read.
    Text,
    /// One JSON object per line.
    Json,
}

/// How Reef reaches Polar.
#[derive(Clone, Debug)]
pub struct PolarConfig {
    /// The access token of the operator's organization.
    pub access_token: Option<SecretString>,
    /// The secret that signs Polar's webhooks.
    pub webhook_secret: Option<SecretString>,
    /// The id of the product for the plan `byok`.
    pub product_byok: Option<String>,
    /// The id of the product for the plan `managed`.
    pub product_managed: Option<String>,
    /// The URL of the API; `None` means the sandbox's or Polar's own.
    pub api_url: Option<String>,
}

/// The whole configuration. A vendor's URL is `None` if it is not configured: then the sandbox's URL applies if the sandbox
/// is on, and the vendor's own otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// `BIND_ADDR`
    pub bind_addr: SocketAddr,
    /// `PUBLIC_URL`; `None` means `http://` and the bound address.
    pub public_url: Option<String>,
    /// `DATABASE_URL`, which may contain a password.
    pub database_url: SecretString,
    /// `SECRET_KEY`; `None` means the file `secret.key` in the data folder.
    pub secret_key: Option<SecretString>,
    /// `ASSISTANTS_API_V1_ENABLED`
    pub api_v1_enabled: bool,
    /// `SANDBOX`
    pub sandbox: bool,
    /// `SANDBOX_ALLOW_REMOTE`
    pub sandbox_allow_remote: bool,
    /// `SANDBOX_DATABASE`, the SQLite file of the sandbox; `None` means `sandbox.db` in the data folder.
    pub sandbox_database: Option<PathBuf>,
    /// `POLAR_*`
    pub polar: PolarConfig,
    /// `TELEGRAM_API_URL`
    pub telegram_api_url: Option<String>,
    /// `OPENROUTER_MANAGEMENT_KEY`
    pub openrouter_management_key: Option<SecretString>,
    /// `OPENROUTER_API_URL`
    pub openrouter_api_url: Option<String>,
    /// `MANAGED_CREDIT_USD`
    pub managed_credit_usd: f64,
    /// `ANTHROPIC_API_URL`
    pub anthropic_api_url: Option<String>,
    /// `OPENAI_API_URL`
    pub openai_api_url: Option<String>,
    /// `GOOGLE_API_URL`
    pub google_api_url: Option<String>,
    /// `SMTP_URL`; `None` means that the sandbox receives mail, or that none is sent if the sandbox is off.
    pub smtp: Option<SmtpServer>,
    /// `MAIL_FROM`; `None` means `reef` at the host of the public URL.
    pub mail_from: Option<MailSender>,
    /// `CALLBACK_OVERRIDES`
    pub callback_overrides: HostOverrides,
    /// `DEPLOY_TIMEOUT_SECS`
    pub deploy_timeout: Duration,
    /// `RATE_LIMIT_PER_MINUTE`
    pub rate_limit_per_minute: u64,
    /// `AUTH_FAILURES_PER_MINUTE`
    pub auth_failures_per_minute: u64,
    /// `TRUSTED_PROXIES`
    pub trusted_proxies: TrustedProxies,
    /// `SIGNUPS`
    pub signups_open: bool,
    /// `METRICS_TOKEN`
    pub metrics_token: Option<SecretString>,
    /// `SECURITY_CONTACT` as a URI.
    pub security_contact: Option<String>,
    /// Whether `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. The exporter reads their values.
    pub traces: bool,
    /// `LOG_FORMAT`
    pub log_format: LogFormat,
    /// `RUST_LOG`
    pub log_filter: String,
}

impl Config {
    /// The database file; `None` on PostgreSQL.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<&Path> {
        sqlite_path(self.database_url.expose_secret()).map(Path::new)
    }

    /// The folder for Reef's other files: that of the database on SQLite, else `data`.
    #[must_use]
    pub fn data_folder(&self) -> PathBuf {
        match self.sqlite_file().and_then(Path::parent) {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("data"),
        }
    }
}

/// The path in a `sqlite:` URL.
fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    Some(path.split('?').next().unwrap_or(path))
}
