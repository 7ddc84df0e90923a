//! `reef doctor` checks the database and every configured upstream, and prints one line for each.

use anyhow::bail;
use reef_domain::wire::{ApiMode, Provider};
use reef_ports::{ModelCheckError, PaymentError, TelegramError};
use reef_service::Services;
use reef_service::billing::EndpointHealth;
use secrecy::SecretString;

use super::print;
use crate::compose::{self, App, PublicUrls};
use crate::config::Config;

/// A subscription that does not exist. If Polar says so, it can be reached and accepts the token.
const UNKNOWN_SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000000";
/// A bot token that does not exist. If Telegram rejects it, it can be reached.
const UNKNOWN_BOT_TOKEN: &str = "123456789:reef_doctor_is_no_bot_0000000000000";

/// Runs all checks, prints one line for each, and fails if any of them fails.
pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let mut failures = 0;
    let mut report = |what: &str, result: Result<String, String>| {
        let text = match result {
            Ok(word) => format!("ok    {what}: {word}"),
            Err(problem) => {
                failures += 1;
                format!("error {what}: {problem}")
            }
        };
        print(&text)
    };
    let store = match compose::open_store(config).await {
        Ok(store) => store,
        Err(error) => {
            report("database", Err(format!("{error:#}")))?;
            bail!("the other checks need the database");
        }
    };
    report("database", Ok("open and up to date".to_owned()))?;
    let app = compose::build_app(config, store, PublicUrls::new(config, config.bind_addr))?;
    report("secrets", check_secrets(&app.services).await)?;
    if config.sandbox {
        report(
            "sandbox",
            Ok(format!("on; `reef serve` serves it at {}/sandbox/", app.server_urls.loopback_url)),
        )?;
    }
    report("polar", check_polar(&app.services, config).await)?;
    if app.services.config().payments_configured {
        report("prices", check_prices(&app.services).await)?;
    }
    if let Some(result) = check_managed_keys(&app.services).await {
        report("managed keys", result)?;
    }
    report("mail", check_mail(&app, config).await)?;
    report("telegram", check_telegram(&app.services).await)?;
    for provider in [Provider::Anthropic, Provider::Openai, Provider::Google, Provider::Openrouter] {
        report(provider.as_str(), check_model_provider(&app.services, provider).await)?;
    }
    match failures {
        0 => Ok(()),
        1 => bail!("1 check failed"),
        _ => bail!("{failures} checks failed"),
    }
}

/// Checks whether every secret is sealed with the first key of `SECRET_KEY`.
async fn check_secrets(services: &Services) -> Result<String, String> {
    let counts = services.count_sealed_by_key().await.map_err(|error| error.to_string())?;
    match (counts.unknown, counts.older) {
        (0, 0) => Ok(format!("{} values, all sealed with the first key of SECRET_KEY", counts.first)),
        (0, older) => Ok(format!(
            "{older} of {} values are sealed with an older key; run `reef reseal` before you remove that key",
            older + counts.first
        )),
        (unknown, _) => Err(format!("{unknown} values are sealed with a key that is not in SECRET_KEY")),
    }
}

async fn check_polar(services: &Services, config: &Config) -> Result<String, String> {
    let service_config = services.config();
    if !service_config.payments_configured {
        return Err("POLAR_ACCESS_TOKEN is not set, so nothing can be bought".to_owned());
    }
    let answer = services.ports().payments.subscription(UNKNOWN_SUBSCRIPTION).await;
    answer.map_err(|error| error.to_string())?;
    let missing: Vec<_> = [
        ("POLAR_PRODUCT_ID_BYOK", service_config.product_byok.is_none()),
        ("POLAR_PRODUCT_ID_MANAGED", service_config.product_managed.is_none()),
        ("POLAR_WEBHOOK_SECRET", service_config.polar_webhook_secret.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if missing.is_empty() {
        check_webhook_endpoint(services).await?;
        let detail = if config.sandbox && config.polar.access_token.is_none() {
            "simulated by the sandbox"
        } else {
            "accepts the token"
        };
        Ok(detail.to_owned())
    } else {
        Err(format!("accepts the token, but {} is not set", missing.join(" and ")))
    }
}

/// Checks whether pages can show the prices of the plans.
async fn check_prices(services: &Services) -> Result<String, String> {
    let mut prices = Vec::new();
    for mode in [ApiMode::Byok, ApiMode::Managed] {
        let Some(product) = services.config().product(mode) else { continue };
        let price = services.ports().payments.price(product).await.map_err(|error| match error {
            PaymentError::Refused { status: 403 } => "the token lacks the scope products:read".to_owned(),
            error => error.to_string(),
        })?;
        let price = price
            .ok_or_else(|| format!("Polar has no product {product} with a single fixed recurring price"))?;
        let (whole, part) = (price.amount / 100, price.amount % 100);
        prices.push(format!("{} {whole}.{part:02} {}", mode.as_str(), price.currency));
    }
    Ok(prices.join(", "))
}

/// Checks whether OpenRouter accepts the management key. Returns `None` if there is no key and no managed plan is sold.
async fn check_managed_keys(services: &Services) -> Option<Result<String, String>> {
    let Some(keys) = &services.ports().managed_keys else {
        let is_sold = services.config().product(ApiMode::Managed).is_some();
        let missing =
            "OPENROUTER_MANAGEMENT_KEY is not set, so managed assistants can be bought but not deployed";
        return is_sold.then(|| Err(missing.to_owned()));
    };
    let listed = keys.list(0).await.map(|_| "OpenRouter accepts the management key".to_owned());
    Some(listed.map_err(|error| format!("{error}; OPENROUTER_MANAGEMENT_KEY must be a management key")))
}

/// Checks whether the mail server accepts connections. Sending no mail is the operator's choice, so it is not an error.
async fn check_mail(app: &App, config: &Config) -> Result<String, String> {
    match (&app.services.ports().mailer, &config.smtp) {
        (Some(mailer), Some(server)) => {
            mailer.check().await.map_err(|error| format!("{error}; SMTP_URL names {}", server.address()))?;
            Ok(format!("{} answers", server.address()))
        }
        _ if config.sandbox => Ok(format!("simulated by the sandbox, at {}/sandbox/mail/", app.server_urls.loopback_url)),
        _ => Ok(
            "SMTP_URL is not set, so no mail is sent: users cannot confirm their email address or reset their \
            password"
                .to_owned(),
        ),
    }
}

/// Checks whether Polar has a webhook endpoint for this server that is enabled.
async fn check_webhook_endpoint(services: &Services) -> Result<(), String> {
    let url = services.polar_webhook_url();
    match services.check_endpoint().await.map_err(|error| error.to_string())? {
        EndpointHealth::Enabled => Ok(()),
        EndpointHealth::Disabled => Err(format!(
            "accepts the token, but has disabled the webhook endpoint {url} after 10 failures in a row; make sure that \
            Polar can reach it, then enable it in Polar under Settings, Webhooks; until then, Reef finds payments by \
            polling"
        )),
        EndpointHealth::Missing => Err(format!(
            "accepts the token, but has no webhook endpoint at {url}; create one in Polar under Settings, Webhooks"
        )),
        EndpointHealth::NoScope => Err(
            "accepts the token, but it lacks the scope webhooks:read, so Reef cannot notice when Polar stops sending webhooks"
                .to_owned(),
        ),
    }
}

async fn check_telegram(services: &Services) -> Result<String, String> {
    match services.ports().telegram.get_me(&SecretString::from(UNKNOWN_BOT_TOKEN)).await {
        Ok(_) | Err(TelegramError::TokenRejected) => Ok("answers".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn check_model_provider(services: &Services, provider: Provider) -> Result<String, String> {
    let no_key = SecretString::from("reef-doctor-refused-key");
    match services.ports().models.check(provider, "no-model", &no_key).await {
        Ok(()) | Err(ModelCheckError::KeyRejected | ModelCheckError::ModelUnavailable) => {
            Ok("answers".to_owned())
        }
        Err(error @ ModelCheckError::Unavailable(_)) => Err(error.to_string()),
    }
}
