//! The configuration, which is read from environment variables. Each has a default, so that Reef starts without any of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use reef_outbound::{HostOverrides, MailSender, SmtpServer};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use url::{Host, Url};

use crate::http::trusted_proxies::TrustedProxies;

/// An environment variable with an invalid value. The message names the variable and never shows the value of a secret.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

fn invalid(name: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError { name, problem: problem.into() }
}

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

/// The log filter if `RUST_LOG` is not set. PostgreSQL sends a notice at every start because the table of migrations already
/// exists, so its notices are left out.
const DEFAULT_LOG_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// The most credit per billing period, in US dollars. A larger amount is treated as a typo.
const MANAGED_CREDIT_USD_MAX: f64 = 10_000.0;

/// The path in a `sqlite:` URL.
fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?.trim_start_matches("//");
    Some(path.split('?').next().unwrap_or(path))
}

/// Whether a `sqlite:` URL names a file. In memory, each connection would have a separate database.
fn names_a_file(url: &str) -> bool {
    sqlite_path(url).is_some_and(|path| !matches!(path, "" | ":memory:")) && !url.contains("mode=memory")
}

/// The sandbox shows all mail and accepts simulated payments, so by default only this machine may reach it.
fn require_local(name: &'static str, is_local: bool) -> Result<(), ConfigError> {
    if is_local {
        return Ok(());
    }
    Err(invalid(
        name,
        "the sandbox is on, where payments are simulated and anyone can read all mail, so only loopback is allowed; set \
        POLAR_ACCESS_TOKEN for real payments, SANDBOX=false, or SANDBOX_ALLOW_REMOTE=true to allow other addresses",
    ))
}

/// Whether the host of a URL is a loopback address or `localhost`.
pub(crate) fn is_loopback_url(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// The variables by name. A blank value counts as unset.
struct Vars(HashMap<String, String>);

impl Vars {
    fn get(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &'static str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn secret(&self, name: &'static str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    fn parse<T: FromStr>(&self, name: &'static str, default: T, expected: &str) -> Result<T, ConfigError> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| invalid(name, format!("{text:?} is not {expected}"))),
        }
    }

    fn flag(&self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        self.parse(name, default, "true or false")
    }

    fn choice<T: Copy>(
        &self,
        name: &'static str,
        default: T,
        choices: &[(&str, T)],
    ) -> Result<T, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| invalid(name, format!("{text:?} is not one of {}", names.join(", "))))
    }

    /// Parses a contact for security reports: a `mailto:`, `tel:` or `https:` URI (RFC 9116, 2.5.3). An email address becomes
    /// a `mailto:` URI.
    fn contact(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_address = text.contains('@') && !text.contains(':');
        let uri = if is_address { format!("mailto:{text}") } else { text.to_owned() };
        let is_valid = uri.bytes().all(|byte| byte.is_ascii_graphic())
            && Url::parse(&uri).is_ok_and(|url| match url.scheme() {
                "mailto" => {
                    url.path().split_once('@').is_some_and(|(who, at)| !who.is_empty() && !at.is_empty())
                }
                "tel" => !url.path().is_empty(),
                scheme => scheme == "https",
            });
        match is_valid {
            true => Ok(Some(uri)),
            false => Err(invalid(
                name,
                format!("{text:?} is not an email address or a mailto:, tel: or https:// URI"),
            )),
        }
    }

    /// Parses an http(s) URL without query and fragment, and removes a trailing slash.
    fn url(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        });
        match url {
            Some(_) => Ok(Some(text.trim_end_matches('/').to_owned())),
            None => Err(invalid(name, format!("{text:?} is not an http:// or https:// URL"))),
        }
    }
}

impl Config {
    /// Reads the configuration from the environment of this process.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that names the first invalid variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Reads the configuration from the given variables.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that names the first invalid variable.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let vars = Vars(vars.into_iter().collect());
        let database_url = vars.text("DATABASE_URL").unwrap_or_else(|| "sqlite://data/reef.db".to_owned());
        let is_postgres =
            database_url.starts_with("postgres://") || database_url.starts_with("postgresql://");
        if !is_postgres && !database_url.starts_with("sqlite:") {
            return Err(invalid("DATABASE_URL", "must start with sqlite:// or postgres://"));
        }
        if !is_postgres && !names_a_file(&database_url) {
            return Err(invalid("DATABASE_URL", "must name a file, such as sqlite://data/reef.db"));
        }
        let secret_key = vars.secret("SECRET_KEY");
        if let Some(key) = &secret_key {
            reef_vault::Vault::new(key).map_err(|error| invalid("SECRET_KEY", error.to_string()))?;
        } else if is_postgres {
            return Err(invalid(
                "SECRET_KEY",
                "is required with PostgreSQL: 32 random bytes in base64, for example from `openssl rand -base64 32`",
            ));
        }
        let bind_addr: SocketAddr = vars.parse(
            "BIND_ADDR",
            SocketAddr::from(([127, 0, 0, 1], 3000)),
            "an address such as 127.0.0.1:3000",
        )?;
        let access_token = vars.secret("POLAR_ACCESS_TOKEN");
        let sandbox = vars.flag("SANDBOX", access_token.is_none())?;
        let sandbox_allow_remote = vars.flag("SANDBOX_ALLOW_REMOTE", false)?;
        let public_url = vars.url("PUBLIC_URL")?;
        if sandbox && !sandbox_allow_remote {
            require_local("BIND_ADDR", bind_addr.ip().is_loopback())?;
            require_local("PUBLIC_URL", public_url.as_deref().is_none_or(is_loopback_url))?;
        }
        vars.choice("WORKER_HOST", (), &[("embedded", ())])?;
        let overrides = vars.get("CALLBACK_OVERRIDES").unwrap_or_default();
        let managed_credit_usd = vars.parse("MANAGED_CREDIT_USD", 5.0_f64, "an amount in US dollars")?;
        if !(0.0..=MANAGED_CREDIT_USD_MAX).contains(&managed_credit_usd) {
            return Err(invalid("MANAGED_CREDIT_USD", format!("must be from 0 to {MANAGED_CREDIT_USD_MAX}")));
        }
        let deploy_timeout = vars.parse("DEPLOY_TIMEOUT_SECS", 300_u64, "a whole number of seconds")?;
        if !(1..=3600).contains(&deploy_timeout) {
            return Err(invalid("DEPLOY_TIMEOUT_SECS", "must be from 1 to 3600"));
        }
        let rate_limit_per_minute = vars.parse("RATE_LIMIT_PER_MINUTE", 600_u64, "a whole number")?;
        if rate_limit_per_minute == 0 {
            return Err(invalid("RATE_LIMIT_PER_MINUTE", "must be at least 1"));
        }
        let auth_failures_per_minute = vars.parse("AUTH_FAILURES_PER_MINUTE", 120_u64, "a whole number")?;
        if auth_failures_per_minute == 0 {
            return Err(invalid("AUTH_FAILURES_PER_MINUTE", "must be at least 1"));
        }
        Ok(Self {
            bind_addr,
            public_url,
            database_url: database_url.into(),
            secret_key,
            api_v1_enabled: vars.flag("ASSISTANTS_API_V1_ENABLED", true)?,
            sandbox,
            sandbox_allow_remote,
            sandbox_database: vars.get("SANDBOX_DATABASE").map(PathBuf::from),
            polar: PolarConfig {
                access_token,
                webhook_secret: vars.secret("POLAR_WEBHOOK_SECRET"),
                product_byok: vars.text("POLAR_PRODUCT_ID_BYOK"),
                product_managed: vars.text("POLAR_PRODUCT_ID_MANAGED"),
                api_url: vars.url("POLAR_API_URL")?,
            },
            telegram_api_url: vars.url("TELEGRAM_API_URL")?,
            openrouter_management_key: vars.secret("OPENROUTER_MANAGEMENT_KEY"),
            openrouter_api_url: vars.url("OPENROUTER_API_URL")?,
            managed_credit_usd,
            anthropic_api_url: vars.url("ANTHROPIC_API_URL")?,
            openai_api_url: vars.url("OPENAI_API_URL")?,
            google_api_url: vars.url("GOOGLE_API_URL")?,
            smtp: vars
                .get("SMTP_URL")
                .map(SmtpServer::parse)
                .transpose()
                .map_err(|problem| invalid("SMTP_URL", problem))?,
            mail_from: vars
                .get("MAIL_FROM")
                .map(MailSender::parse)
                .transpose()
                .map_err(|problem| invalid("MAIL_FROM", problem))?,
            callback_overrides: HostOverrides::parse(overrides)
                .map_err(|problem| invalid("CALLBACK_OVERRIDES", problem))?,
            deploy_timeout: Duration::from_secs(deploy_timeout),
            rate_limit_per_minute,
            auth_failures_per_minute,
            trusted_proxies: TrustedProxies::parse(vars.get("TRUSTED_PROXIES").unwrap_or_default())
                .map_err(|problem| invalid("TRUSTED_PROXIES", problem))?,
            signups_open: vars.choice("SIGNUPS", true, &[("open", true), ("closed", false)])?,
            traces: ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
                .into_iter()
                .any(|name| vars.get(name).is_some()),
            metrics_token: vars.secret("METRICS_TOKEN"),
            security_contact: vars.contact("SECURITY_CONTACT")?,
            log_format: vars.choice(
                "LOG_FORMAT",
                LogFormat::Text,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )?,
            log_filter: vars.text("RUST_LOG").unwrap_or_else(|| DEFAULT_LOG_FILTER.to_owned()),
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn config_without_variables_uses_sandbox() {
        let bare = config(&[]).unwrap();
        assert!(bare.sandbox && bare.api_v1_enabled && bare.signups_open);
        assert_eq!(bare.data_folder(), Path::new("data"));
        assert!(!config(&[("POLAR_ACCESS_TOKEN", "polar_oat_x")]).unwrap().sandbox);
        assert!(config(&[("POLAR_ACCESS_TOKEN", " ")]).unwrap().sandbox);
    }

    #[test]
    fn invalid_variable_error_names_it() {
        let cases = [
            ("BIND_ADDR", "localhost"),
            ("PUBLIC_URL", "reef.example"),
            ("PUBLIC_URL", "https://reef.example/?x"),
            ("DATABASE_URL", "mysql://x"),
            ("DATABASE_URL", "sqlite://"),
            ("DATABASE_URL", "sqlite:?mode=rwc"),
            ("DATABASE_URL", "sqlite::memory:"),
            ("DATABASE_URL", "sqlite://x?mode=memory"),
            ("DATABASE_URL", "postgres://x"),
            ("SECRET_KEY", "short"),
            ("ASSISTANTS_API_V1_ENABLED", "yes"),
            ("SANDBOX", "1"),
            ("SANDBOX_ALLOW_REMOTE", "maybe"),
            ("BIND_ADDR", "0.0.0.0:3000"),
            ("WORKER_HOST", "moon"),
            ("POLAR_API_URL", "ftp://x"),
            ("SMTP_URL", "mail.example"),
            ("SMTP_URL", "smtp://ann@mail.example"),
            ("MAIL_FROM", "Reef"),
            ("CALLBACK_OVERRIDES", "nonsense"),
            ("MANAGED_CREDIT_USD", "-1"),
            ("MANAGED_CREDIT_USD", "inf"),
            ("MANAGED_CREDIT_USD", "NaN"),
            ("MANAGED_CREDIT_USD", "10000.01"),
            ("DEPLOY_TIMEOUT_SECS", "0"),
            ("RATE_LIMIT_PER_MINUTE", "0"),
            ("AUTH_FAILURES_PER_MINUTE", "0"),
            ("TRUSTED_PROXIES", "10.0.0.0/33"),
            ("SIGNUPS", "maybe"),
            ("LOG_FORMAT", "xml"),
            ("PUBLIC_URL", "https://reef.example"),
            ("PUBLIC_URL", "http://10.0.0.1:3000"),
            ("PUBLIC_URL", "http://localhost.example"),
            ("BIND_ADDR", "[::]:3000"),
            ("SECURITY_CONTACT", "somebody"),
            ("SECURITY_CONTACT", "http://reef.example/security"),
            ("SECURITY_CONTACT", "mailto:a b@reef.example"),
            ("SECURITY_CONTACT", "javascript:alert(1)"),
        ];
        for (name, value) in cases {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            let named = if (name, value) == ("DATABASE_URL", "postgres://x") { "SECRET_KEY" } else { name };
            assert!(error.starts_with(&format!("{named}: ")), "{error}");
            assert!(!error.contains('\n') && (name != "SECRET_KEY" || !error.contains(value)), "{error}");
        }
    }

    #[test]
    fn sandbox_on_public_address_requires_opt_in() {
        for reached in [("BIND_ADDR", "0.0.0.0:3000"), ("PUBLIC_URL", "https://reef.example")] {
            let with = |more: (&'static str, &'static str)| config(&[reached, more]);
            assert!(config(&[reached]).unwrap_err().to_string().contains("SANDBOX_ALLOW_REMOTE=true"));
            assert!(with(("SANDBOX", "true")).is_err() && with(("SANDBOX_ALLOW_REMOTE", "false")).is_err());
            assert!(config(&[reached, ("POLAR_ACCESS_TOKEN", "x"), ("SANDBOX", "true")]).is_err());
            for fine in [("SANDBOX_ALLOW_REMOTE", "true"), ("SANDBOX", "false"), ("POLAR_ACCESS_TOKEN", "x")]
            {
                assert!(with(fine).is_ok(), "{fine:?}");
            }
        }
        for here in
            ["http://localhost:3000", "https://reef.localhost", "http://127.9.9.9", "http://[::1]:3000"]
        {
            assert!(config(&[("PUBLIC_URL", here)]).is_ok(), "{here}");
        }
    }

    #[test]
    fn contact_email_becomes_mailto_uri() {
        let contact = |text| config(&[("SECURITY_CONTACT", text)]).unwrap().security_contact;
        assert_eq!(contact("security@reef.example").as_deref(), Some("mailto:security@reef.example"));
        for uri in ["mailto:security@reef.example", "https://reef.example/security", "tel:+1-201-555-0123"] {
            assert_eq!(contact(uri).as_deref(), Some(uri));
        }
        assert_eq!(contact(" "), None);
    }
}
