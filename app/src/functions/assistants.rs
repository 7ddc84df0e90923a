//! The forms of an assistant’s page: one server function per form.

use leptos::prelude::*;
use reef_domain::input::{CallbackChange, Parsed};
use reef_domain::wire::{AssistantRecord, Status};
use reef_service::{Caller, Error, Services, assistants};
use serde_json::{Map, Value};

use super::body::{callback_change, parse_change, update_body};
use super::form_baseline::{self, FormBaseline};
use crate::error::AppError;
use crate::flash::{Notice, redirect_with_notice};
use crate::secret::Secret;
use crate::server::{authenticate, redirect_to, run_form};

/// Saves the settings of an assistant without a deployment.
#[server(prefix = "/_fn", endpoint = "update")]
pub async fn update(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
    baseline: String,
) -> Result<(), AppError> {
    let form = EditForm { id, name, model, telegram_bot_token, model_api_key, callback_url, baseline };
    run_form(&form.values(), async {
        let (services, caller) = authenticate().await?;
        let edit = form.read(&services, &caller).await?;
        let saved = services.save_change(&caller, &form.id, edit.change).await?;
        redirect_after_save(&edit.now, &saved, edit.has_new_secrets).await
    })
    .await
}

/// Saves the settings of an assistant and deploys them. A running assistant is deployed only for a change that needs it. A
/// change that a vendor refuses is not saved.
#[server(prefix = "/_fn", endpoint = "change")]
pub async fn change(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
    baseline: String,
) -> Result<(), AppError> {
    let form = EditForm { id, name, model, telegram_bot_token, model_api_key, callback_url, baseline };
    run_form(&form.values(), async {
        let (services, caller) = authenticate().await?;
        let edit = form.read(&services, &caller).await?;
        let saved = services.change(&caller, &form.id, edit.change).await;
        let saved = saved.map_err(|error| explain_refusal(error, &edit.now))?;
        redirect_after_save(&edit.now, &saved, edit.has_new_secrets).await
    })
    .await
}

/// The fields of the form that edits an assistant, which two server functions take.
struct EditForm {
    id: String,
    name: String,
    model: String,
    telegram_bot_token: Secret,
    model_api_key: Secret,
    callback_url: String,
    baseline: String,
}

/// An edit that was parsed, not yet validated by the service.
struct Edit {
    /// The record before the edit.
    now: AssistantRecord,
    change: Parsed<assistants::Change>,
    has_new_secrets: bool,
}

impl EditForm {
    /// The fields that may be shown again after an error.
    fn values(&self) -> [(&'static str, &str); 4] {
        [
            ("name", &self.name),
            ("model", &self.model),
            ("callback_url", &self.callback_url),
            (form_baseline::FIELD, &self.baseline),
        ]
    }

    /// Compares the fields with what the form was rendered with, so that only what was changed in it is changed.
    async fn read(&self, services: &Services, caller: &Caller) -> Result<Edit, AppError> {
        let now = services.get_assistant(caller, &self.id).await?;
        let baseline = FormBaseline::from_json(&self.baseline)?;
        let secrets = (&self.telegram_bot_token, &self.model_api_key);
        let body = update_body(&now, &baseline, &self.name, &self.model, secrets);
        let has_new_secrets = has_secrets(&body);
        let change = parse_change(body, callback_change(&baseline, &self.callback_url));
        Ok(Edit { now, change, has_new_secrets })
    }
}

fn has_secrets(body: &Map<String, Value>) -> bool {
    ["telegramBotToken", "modelApiKey"].iter().any(|field| body.contains_key(*field))
}

/// Leads to the assistant's page. During a deployment the page itself shows the progress of the change, so no toast calls it
/// saved. A record has no secrets, but an active assistant gets new ones only with a deployment.
async fn redirect_after_save(
    before: &AssistantRecord,
    saved: &AssistantRecord,
    has_new_secrets: bool,
) -> Result<(), AppError> {
    let page = format!("/assistants/{}", saved.id);
    let notice = match saved.status {
        Status::Deploying => return redirect_to(&page),
        Status::Active if before == saved => Notice::NothingChanged,
        _ if before == saved && !has_new_secrets => Notice::NothingChanged,
        Status::Active => Notice::SettingsApplied,
        _ => Notice::SettingsSaved,
    };
    redirect_with_notice(&page, notice).await
}

/// A refused change of a running assistant says first that the assistant keeps running.
fn explain_refusal(error: Error, now: &AssistantRecord) -> AppError {
    let is_about_fields = matches!(error, Error::InvalidInput { .. } | Error::InvalidRequest(_));
    let error = AppError::from(error);
    if !is_about_fields || now.status != Status::Active {
        return error;
    }
    let message =
        format!("Nothing was changed, and {} keeps running. Check the highlighted fields.", now.name);
    AppError { message, ..error }
}

/// Deploys the saved settings.
#[server(prefix = "/_fn", endpoint = "redeploy")]
pub async fn redeploy(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let before = services.get_assistant(&caller, &id).await?;
        services.redeploy(&caller, &id, Ok(CallbackChange::Keep)).await?;
        let is_start = before.status == Status::Stopped;
        let notice = if is_start { Notice::Started } else { Notice::Redeployed };
        redirect_with_notice(&format!("/assistants/{id}"), notice).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "stop")]
pub async fn stop(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.stop(&caller, &id, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}"), Notice::Stopped).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "delete")]
pub async fn delete(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.delete(&caller, &id, Ok(())).await?;
        redirect_to(&format!("/receipts/{id}"))
    })
    .await
}

/// Sends a webhook delivery again.
#[server(prefix = "/_fn", endpoint = "redeliver")]
pub async fn redeliver(id: String, delivery: String) -> Result<(), AppError> {
    run_form(&[("delivery", &delivery)], async {
        let (services, caller) = authenticate().await?;
        services.redeliver(&caller, &id, &delivery, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}#webhooks"), Notice::WebhookResent).await
    })
    .await
}

/// Sends a webhook delivery of type `assistant.test`.
#[server(prefix = "/_fn", endpoint = "test_callback")]
pub async fn test_callback(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.send_test_callback(&caller, &id, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}#webhooks"), Notice::TestEventSent).await
    })
    .await
}
