//! Giving a paid slot its bot and its model, and trying both before.

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

/// Configures a purchased slot and deploys it. What is left empty of the secrets is taken from what is kept.
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

/// Tries the bot and the model of a form and says what was found.
///
/// A script is given the findings and changes nothing. A plain page would lose what was typed: it is saved first, and
/// the findings are handed to the page that follows.
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

/// What is wrong with a callback URL, if anything: the same rule as in the API, which is too heavy for the browser.
#[server(prefix = "/_fn", endpoint = "check_callback_url")]
pub async fn check_callback_url(#[server(default)] callback_url: String) -> Result<Option<String>, AppError> {
    answer(&[], async {
        signed_in().await?;
        Ok(check("callbackUrl", callback_url.trim()).err().map(|issue| issue.message))
    })
    .await
}
