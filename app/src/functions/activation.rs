//! The activation of a paid assistant, and the preceding check of its bot and model.

use leptos::prelude::*;
use reef_domain::callback_url::validate;
use reef_domain::input::{self, UpdateInput};
use reef_frontend::CheckResult;
use reef_service::assistants::CheckTarget;
use reef_service::{Caller, Services};
use serde_json::{Map, Value};

use super::body::activation_body;
use crate::checks::{SavedChecks, callback_url_result, preflight_results};
use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with, redirect_with_notice};
use crate::request::accepts_html;
use crate::secret::Secret;
use crate::server::{authenticate, run_form};

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
    run_form(&[("name", &name), ("model", &model), ("callback_url", &callback_url)], async {
        let (services, caller) = authenticate().await?;
        let secrets = (&telegram_bot_token, &model_api_key);
        services
            .activate_with_stored_secrets(
                &caller,
                &id,
                activation_body(&name, &model, secrets, &callback_url),
            )
            .await?;
        redirect_with_notice(&format!("/assistants/{id}"), Notice::Activated).await
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
) -> Result<Vec<CheckResult>, AppError> {
    run_form(&[("name", &name), ("model", &model), ("callback_url", &callback_url)], async {
        let (services, caller) = authenticate().await?;
        let body = activation_body(&name, &model, (&telegram_bot_token, &model_api_key), "");
        if !accepts_html() {
            return check_results(&services, &caller, &id, body, &callback_url).await;
        }
        if !body.is_empty() {
            services.update(&caller, &id, input::parse_update(body)).await?;
        }
        let results = check_results(&services, &caller, &id, Map::new(), &callback_url).await?;
        let checks = SavedChecks { results: results.clone(), callback_url: callback_url.trim().to_owned() };
        redirect_with(&format!("/assistants/{id}#activation"), Message::Checks(checks)).await?;
        Ok(results)
    })
    .await
}

async fn check_results(
    services: &Services,
    caller: &Caller,
    id: &str,
    body: Map<String, Value>,
    callback_url: &str,
) -> Result<Vec<CheckResult>, AppError> {
    let input = if body.is_empty() { Ok(UpdateInput::default()) } else { input::parse_update(body) };
    let found = services.preflight(caller, id, input, CheckTarget::All).await?;
    let mut results = preflight_results(&found);
    results.extend(callback_url_result(callback_url));
    Ok(results)
}

/// What is wrong with a webhook URL, if anything. The browser asks the server, because the API’s rule needs a URL parser that is
/// too large for it.
#[server(prefix = "/_fn", endpoint = "check_callback_url")]
pub async fn check_callback_url(#[server(default)] callback_url: String) -> Result<Option<String>, AppError> {
    run_form(&[], async {
        authenticate().await?;
        Ok(validate("callbackUrl", callback_url.trim()).err().map(|issue| issue.message))
    })
    .await
}
