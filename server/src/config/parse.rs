//! How the configuration follows from the variables, and which values are refused.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use reef_outbound::{HostOverrides, MailSender, SmtpServer};
use reef_vault::Vault;
use secrecy::SecretString;
use url::{Host, Url};

use super::vars::{ConfigError, Vars, invalid};
use super::{Config, LogFormat, PolarConfig, sqlite_path};
use crate::http::trusted_proxies::TrustedProxies;

/// The log filter if `RUST_LOG` is not set. PostgreSQL sends a notice at every start because the table of migrations already
/// exists, so its notices are left out.
const DEFAULT_LOG_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// The most credit per billing period, in US dollars. A larger amount is treated as a typo.
const MANAGED_CREDIT_USD_MAX: f64 = 10_000.0;

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
        let vars = Vars::new(vars);
        let database_url = database_url(&vars)?;
        let secret_key = secret_key(&vars, !is_sqlite(&database_url))?;
        let bind_addr = vars.parse(
            "BIND_ADDR",
            SocketAddr::from(([127, 0, 0, 1], 3000)),
            "an address such as 127.0.0.1:3000",
        )?;
        let polar = polar(&vars)?;
        let sandbox = vars.flag("SANDBOX", polar.access_token.is_none())?;
        let sandbox_allow_remote = vars.flag("SANDBOX_ALLOW_REMOTE", false)?;
        let public_url = vars.url("PUBLIC_URL")?;
        if sandbox && !sandbox_allow_remote {
            require_local("BIND_ADDR", bind_addr.ip().is_loopback())?;
            require_local("PUBLIC_URL", public_url.as_deref().is_none_or(is_loopback_url))?;
        }
        vars.choice("WORKER_HOST", (), &[("embedded", ())])?;
        Ok(Self {
            bind_addr,
            public_url,
            database_url: database_url.into(),
            secret_key,
            api_v1_enabled: vars.flag("ASSISTANTS_API_V1_ENABLED", true)?,
            sandbox,
            sandbox_allow_remote,
            sandbox_database: vars.get("SANDBOX_DATABASE").map(PathBuf::from),
            polar,
            telegram_api_url: vars.url("TELEGRAM_API_URL")?,
            openrouter_management_key: vars.secret("OPENROUTER_MANAGEMENT_KEY"),
            openrouter_api_url: vars.url("OPENROUTER_API_URL")?,
            managed_credit_usd: managed_credit_usd(&vars)?,
            anthropic_api_url: vars.url("ANTHROPIC_API_URL")?,
            openai_api_url: vars.url("OPENAI_API_URL")?,
            google_api_url: vars.url("GOOGLE_API_URL")?,
            smtp: vars.parse_with("SMTP_URL", SmtpServer::parse)?,
            mail_from: vars.parse_with("MAIL_FROM", MailSender::parse)?,
            callback_overrides: vars
                .parse_with("CALLBACK_OVERRIDES", HostOverrides::parse)?
                .unwrap_or_default(),
            deploy_timeout: deploy_timeout(&vars)?,
            rate_limit_per_minute: vars.positive("RATE_LIMIT_PER_MINUTE", 600)?,
            auth_failures_per_minute: vars.positive("AUTH_FAILURES_PER_MINUTE", 120)?,
            trusted_proxies: vars.parse_with("TRUSTED_PROXIES", TrustedProxies::parse)?.unwrap_or_default(),
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
}

fn is_sqlite(database_url: &str) -> bool {
    database_url.starts_with("sqlite:")
}

fn database_url(vars: &Vars) -> Result<String, ConfigError> {
    let url = vars.text("DATABASE_URL").unwrap_or_else(|| "sqlite://data/reef.db".to_owned());
    if is_sqlite(&url) {
        return if names_a_file(&url) {
            Ok(url)
        } else {
            Err(invalid("DATABASE_URL", "must name a file, such as sqlite://data/reef.db"))
        };
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(url);
    }
    Err(invalid("DATABASE_URL", "must start with sqlite:// or postgres://"))
}

/// Several processes may share a PostgreSQL database, so they need a key that is not in a file of one of them.
fn secret_key(vars: &Vars, is_required: bool) -> Result<Option<SecretString>, ConfigError> {
    let key = vars.secret("SECRET_KEY");
    match &key {
        Some(key) => drop(Vault::new(key).map_err(|error| invalid("SECRET_KEY", error.to_string()))?),
        None if is_required => {
            return Err(invalid(
                "SECRET_KEY",
                "is required with PostgreSQL: 32 random bytes in base64, for example from `openssl rand -base64 32`",
            ));
        }
        None => {}
    }
    Ok(key)
}

fn polar(vars: &Vars) -> Result<PolarConfig, ConfigError> {
    Ok(PolarConfig {
        access_token: vars.secret("POLAR_ACCESS_TOKEN"),
        webhook_secret: vars.secret("POLAR_WEBHOOK_SECRET"),
        product_byok: vars.text("POLAR_PRODUCT_ID_BYOK"),
        product_managed: vars.text("POLAR_PRODUCT_ID_MANAGED"),
        api_url: vars.url("POLAR_API_URL")?,
    })
}

fn managed_credit_usd(vars: &Vars) -> Result<f64, ConfigError> {
    let amount = vars.parse("MANAGED_CREDIT_USD", 5.0, "an amount in US dollars")?;
    if !(0.0..=MANAGED_CREDIT_USD_MAX).contains(&amount) {
        return Err(invalid("MANAGED_CREDIT_USD", format!("must be from 0 to {MANAGED_CREDIT_USD_MAX}")));
    }
    Ok(amount)
}

fn deploy_timeout(vars: &Vars) -> Result<Duration, ConfigError> {
    let seconds = vars.parse("DEPLOY_TIMEOUT_SECS", 300, "a whole number of seconds")?;
    if !(1..=3600).contains(&seconds) {
        return Err(invalid("DEPLOY_TIMEOUT_SECS", "must be from 1 to 3600"));
    }
    Ok(Duration::from_secs(seconds))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

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
