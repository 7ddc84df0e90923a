//! `reef doctor`: is everything that is configured there, and does it accept us?

use anyhow::bail;
use reef_domain::wire::{ApiMode, Provider};
use reef_service::Services;
use reef_service::payments::EndpointHealth;
use reef_service::ports::{ModelCheckError, PaymentError, TelegramError};
use secrecy::SecretString;

use super::print;
use crate::compose::{self, App, Reached};
use crate::config::Config;

/// A subscription that nobody has: being told so proves that Polar answers and accepts the token.
const NO_SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000000";
/// A token of no bot: being refused proves that Telegram answers.
const NO_BOT: &str = "123456789:reef_doctor_is_no_bot_0000000000000";

/// Checks everything, prints a line each, and fails when a line does.
pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let mut wrong = 0;
    let mut line = |what: &str, result: Result<String, String>| {
        let text = match result {
            Ok(word) => format!("ok    {what}: {word}"),
            Err(problem) => {
                wrong += 1;
                format!("wrong {what}: {problem}")
            }
        };
        print(&text)
    };
    let store = match compose::open_store(config).await {
        Ok(store) => store,
        Err(error) => {
            line("database", Err(format!("{error:#}")))?;
            bail!("the database comes first");
        }
    };
    line("database", Ok("opened and up to date".to_owned()))?;
    let app = compose::app(config, store, Reached::at(config, config.bind_addr))?;
    line("secrets", secrets(&app.services).await)?;
    if config.sandbox {
        line(
            "sandbox",
            Ok(format!("on; it is in the serving process, at {}/sandbox/", app.reached.own_url)),
        )?;
    }
    line("polar", polar(&app.services, config).await)?;
    if app.services.config().payments_configured {
        line("prices", prices(&app.services).await)?;
    }
    if let Some(result) = managed_keys(&app.services).await {
        line("managed keys", result)?;
    }
    line("mail", mail(&app, config).await)?;
    line("telegram", telegram(&app.services).await)?;
    for provider in [Provider::Anthropic, Provider::Openai, Provider::Google, Provider::Openrouter] {
        line(provider.as_str(), model_provider(&app.services, provider).await)?;
    }
    match wrong {
        0 => Ok(()),
        1 => bail!("one thing is wrong"),
        _ => bail!("{wrong} things are wrong"),
    }
}

/// Whether the first key alone would open everything.
async fn secrets(services: &Services) -> Result<String, String> {
    let counts = services.sealed_with().await.map_err(|error| error.to_string())?;
    match (counts.unknown, counts.older) {
        (0, 0) => Ok(format!("{} values, all sealed with the first key of SECRET_KEY", counts.first)),
        (0, older) => Ok(format!(
            "{older} of {} values are sealed with an older key: run `reef reseal` before it is taken out",
            older + counts.first
        )),
        (unknown, _) => Err(format!("{unknown} values are sealed with a key that is not in SECRET_KEY")),
    }
}

async fn polar(services: &Services, config: &Config) -> Result<String, String> {
    let own = services.config();
    if !own.payments_configured {
        return Err("POLAR_ACCESS_TOKEN is not set: nothing can be bought".to_owned());
    }
    let answer = services.ports().payments.subscription(NO_SUBSCRIPTION).await;
    answer.map_err(|error| error.to_string())?;
    let missing: Vec<_> = [
        ("POLAR_PRODUCT_ID_BYOK", own.product_byok.is_none()),
        ("POLAR_PRODUCT_ID_MANAGED", own.product_managed.is_none()),
        ("POLAR_WEBHOOK_SECRET", own.polar_webhook_secret.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    if missing.is_empty() {
        webhooks(services).await?;
        let play = if config.sandbox && config.polar.access_token.is_none() {
            "play money"
        } else {
            "accepts the token"
        };
        Ok(play.to_owned())
    } else {
        Err(format!("accepts the token, but {} is not set", missing.join(" and ")))
    }
}

/// Whether pages can say what a slot costs.
async fn prices(services: &Services) -> Result<String, String> {
    let mut told = Vec::new();
    for mode in [ApiMode::Byok, ApiMode::Managed] {
        let Some(product) = services.config().product(mode) else { continue };
        let price = services.ports().payments.price(product).await.map_err(|error| match error {
            PaymentError::Refused { status: 403 } => "the token lacks the scope products:read".to_owned(),
            error => error.to_string(),
        })?;
        let price = price.ok_or_else(|| {
            format!("Polar has no product {product} with one fixed price that is paid again and again")
        })?;
        let (whole, part) = (price.amount / 100, price.amount % 100);
        told.push(format!("{} {whole}.{part:02} {}", mode.as_str(), price.currency));
    }
    Ok(told.join(", "))
}

/// Whether OpenRouter lets us make keys for managed assistants; `None` where these are neither sold nor provided for.
async fn managed_keys(services: &Services) -> Option<Result<String, String>> {
    let Some(keys) = &services.ports().managed_keys else {
        let is_sold = services.config().product(ApiMode::Managed).is_some();
        let missing = "OPENROUTER_MANAGEMENT_KEY is not set: managed assistants are sold, and fail to deploy";
        return is_sold.then(|| Err(missing.to_owned()));
    };
    let listed = keys.list(0).await.map(|_| "OpenRouter accepts the management key".to_owned());
    Some(listed.map_err(|error| format!("{error}; OPENROUTER_MANAGEMENT_KEY has to be a management key")))
}

/// Whether the mail server takes us. To send none is a choice, so it is only said.
async fn mail(app: &App, config: &Config) -> Result<String, String> {
    match (&app.services.ports().mailer, &config.smtp) {
        (Some(mailer), Some(server)) => {
            mailer.check().await.map_err(|error| format!("{error}; SMTP_URL names {}", server.address()))?;
            Ok(format!("{} answers", server.address()))
        }
        _ if config.sandbox => Ok(format!("kept in the sandbox, at {}/sandbox/mail/", app.reached.own_url)),
        _ => Ok(
            "SMTP_URL is not set, so none is sent: addresses are not confirmed, and nobody can choose a new \
                 password"
                .to_owned(),
        ),
    }
}

/// Whether Polar sends its webhooks.
async fn webhooks(services: &Services) -> Result<(), String> {
    let url = services.polar_webhook_url();
    match services.look_at_endpoint().await.map_err(|error| error.to_string())? {
        EndpointHealth::Enabled => Ok(()),
        EndpointHealth::Disabled => Err(format!(
            "accepts the token, but has disabled the webhook endpoint {url} after ten failures in a row: make sure that \
             Polar reaches it, then enable it again in Polar under Settings, Webhooks; payments are found by asking \
             meanwhile"
        )),
        EndpointHealth::Missing => Err(format!(
            "accepts the token, but has no webhook endpoint at {url}: make one in Polar under Settings, Webhooks"
        )),
        EndpointHealth::NoScope => Err(
            "accepts the token, but it lacks the scope webhooks:read, so nobody notices when Polar stops sending webhooks"
                .to_owned(),
        ),
    }
}

async fn telegram(services: &Services) -> Result<String, String> {
    match services.ports().telegram.get_me(&SecretString::from(NO_BOT)).await {
        Ok(_) | Err(TelegramError::TokenRejected) => Ok("answers".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn model_provider(services: &Services, provider: Provider) -> Result<String, String> {
    let no_key = SecretString::from("reef-doctor-refused-key");
    match services.ports().models.check(provider, "no-model", &no_key).await {
        Ok(()) | Err(ModelCheckError::KeyRejected | ModelCheckError::ModelUnavailable) => {
            Ok("answers".to_owned())
        }
        Err(error @ ModelCheckError::Unavailable(_)) => Err(error.to_string()),
    }
}
