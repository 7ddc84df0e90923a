//! What can be done with assistants: one server function per form.

use leptos::prelude::*;
use reef_domain::input::CallbackChange;
use reef_domain::wire::{AssistantRecord, Status};
use reef_service::Error;

use super::body::{callback_change, change_of, changes};
use super::drawn::{self, Drawn};
use crate::error::AppError;
use crate::secret::Secret;
use crate::server::{answer, go, signed_in};

/// Saves the configuration of an assistant without deploying it.
#[server(prefix = "/_fn", endpoint = "update")]
pub async fn update(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
    drawn: String,
) -> Result<(), AppError> {
    let kept = [("name", &*name), ("model", &model), ("callback_url", &callback_url), (drawn::FIELD, &drawn)];
    answer(&kept, async {
        let (services, caller) = signed_in().await?;
        let (now, drawn) = (services.assistant(&caller, &id).await?, Drawn::from_json(&drawn)?);
        let body = changes(&now, &drawn, &name, &model, (&telegram_bot_token, &model_api_key));
        let saved = services
            .save_change(&caller, &id, change_of(body, callback_change(&drawn, &callback_url)))
            .await?;
        go_to_saved(&saved)
    })
    .await
}

/// Saves the configuration of an assistant and puts it to work: a running one is deployed only if that takes it. What the
/// vendors refuse is not saved.
#[server(prefix = "/_fn", endpoint = "change")]
pub async fn change(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
    drawn: String,
) -> Result<(), AppError> {
    let kept = [("name", &*name), ("model", &model), ("callback_url", &callback_url), (drawn::FIELD, &drawn)];
    answer(&kept, async {
        let (services, caller) = signed_in().await?;
        let (now, drawn) = (services.assistant(&caller, &id).await?, Drawn::from_json(&drawn)?);
        let body = changes(&now, &drawn, &name, &model, (&telegram_bot_token, &model_api_key));
        let change = change_of(body, callback_change(&drawn, &callback_url));
        let saved = services.change(&caller, &id, change).await.map_err(|error| refused(error, &now))?;
        go_to_saved(&saved)
    })
    .await
}

/// Leads to the assistant's page. What is being deployed is not called saved: the page says how that goes.
fn go_to_saved(saved: &AssistantRecord) -> Result<(), AppError> {
    let said = match saved.status {
        Status::Deploying => "",
        Status::Active => "?done=applied",
        _ => "?done=saved",
    };
    go(&format!("/assistants/{}{said}", saved.id))
}

/// Says of a refused change of a running assistant what its owner worries about first.
fn refused(error: Error, now: &AssistantRecord) -> AppError {
    let is_about_fields = matches!(error, Error::InvalidInput { .. } | Error::InvalidRequest(_));
    let error = AppError::from(error);
    if !is_about_fields || now.status != Status::Active {
        return error;
    }
    let message = "Nothing was changed, and your assistant keeps running. See what is marked.".to_owned();
    AppError { message, ..error }
}

/// Deploys what is configured now.
#[server(prefix = "/_fn", endpoint = "redeploy")]
pub async fn redeploy(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        let before = services.assistant(&caller, &id).await?;
        services.redeploy(&caller, &id, Ok(CallbackChange::Keep)).await?;
        let done = if before.status == Status::Stopped { "started" } else { "redeployed" };
        go(&format!("/assistants/{id}?done={done}"))
    })
    .await
}

/// Stops an assistant.
#[server(prefix = "/_fn", endpoint = "stop")]
pub async fn stop(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.stop(&caller, &id, Ok(())).await?;
        go(&format!("/assistants/{id}?done=stopped"))
    })
    .await
}

/// Deletes an assistant.
#[server(prefix = "/_fn", endpoint = "delete")]
pub async fn delete(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.delete(&caller, &id, Ok(())).await?;
        go(&format!("/receipts/{id}"))
    })
    .await
}

/// Sends a callback again.
#[server(prefix = "/_fn", endpoint = "redeliver")]
pub async fn redeliver(id: String, delivery: String) -> Result<(), AppError> {
    answer(&[("delivery", &delivery)], async {
        let (services, caller) = signed_in().await?;
        services.redeliver(&caller, &id, &delivery, Ok(())).await?;
        go(&format!("/assistants/{id}?done=resent#callbacks"))
    })
    .await
}

/// Sends a callback of type `assistant.test`.
#[server(prefix = "/_fn", endpoint = "test_callback")]
pub async fn test_callback(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.test_callback(&caller, &id, Ok(())).await?;
        go(&format!("/assistants/{id}?done=tested#callbacks"))
    })
    .await
}
