//! The activation of a paid assistant, and the check of its bot and model before.

use leptos::prelude::*;
use reef_domain::callback_url::check;
use reef_domain::input::{self, UpdateInput};
use reef_service::assistants::Try;
use reef_service::{Caller, Services};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::body::activation;
use crate::error::AppError;
use crate::findings::{Finding, Tried, callback_url_finding, of_preflight};
use crate::secret::Secret;
use crate::server::{accepts_html, answer, go, keep_flash, signed_in};

/// Saves the settings of a purchased assistant and deploys it. For an empty secret the saved one is used.
#[server(prefix = "/_fn", endpoint = "activate")]
pub async fn activate(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
) -> Result<(), AppError> {
    answer(&[("name", &name), ("model", &model), ("callback_url", &callback_url)], async {
        let (services, caller) = signed_in().await?;
        let secrets = (&telegram_bot_token, &model_api_key);
        services.activate_with_kept(&caller, &id, activation(&name, &model, secrets, &callback_url)).await?;
        go(&format!("/assistants/{id}?done=activated"))
    })
    .await
}

/// Checks the bot and the model of a form.
///
/// A script gets the results, and nothing is stored. A page without scripts would lose the entries, so they are saved first, and
/// the results are left in a flash for the page that follows.
#[server(prefix = "/_fn", endpoint = "preflight")]
pub async fn preflight(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
) -> Result<Vec<Finding>, AppError> {
    answer(&[("name", &name), ("model", &model), ("callback_url", &callback_url)], async {
        let (services, caller) = signed_in().await?;
        let body = activation(&name, &model, (&telegram_bot_token, &model_api_key), "");
        if !accepts_html() {
            return findings(&services, &caller, &id, body, &callback_url).await;
        }
        if !body.is_empty() {
            services.update(&caller, &id, input::update(body)).await?;
        }
        let findings = findings(&services, &caller, &id, Map::new(), &callback_url).await?;
        let tried = Tried { findings, callback_url: callback_url.trim().to_owned() };
        keep_flash(&services, &Tried::flash_name(&id), &SecretString::from(tried.to_json()?)).await?;
        go(&format!("/assistants/{id}#activation"))?;
        Ok(tried.findings)
    })
    .await
}

async fn findings(
    services: &Services,
    caller: &Caller,
    id: &str,
    body: Map<String, Value>,
    callback_url: &str,
) -> Result<Vec<Finding>, AppError> {
    let input = if body.is_empty() { Ok(UpdateInput::default()) } else { input::update(body) };
    let found = services.preflight(caller, id, input, Try::All).await?;
    let mut findings = of_preflight(&found);
    findings.extend(callback_url_finding(callback_url));
    Ok(findings)
}

/// What is wrong with a webhook URL, if anything. The browser asks the server, because the API’s rule needs a URL parser that is
/// too large for it.
#[server(prefix = "/_fn", endpoint = "check_callback_url")]
pub async fn check_callback_url(#[server(default)] callback_url: String) -> Result<Option<String>, AppError> {
    answer(&[], async {
        signed_in().await?;
        Ok(check("callbackUrl", callback_url.trim()).err().map(|issue| issue.message))
    })
    .await
}
