//! What can be done with assistants: one server function per form.

use leptos::prelude::*;
use reef_domain::input;
use reef_domain::input::CallbackChange;

use super::body::{callback_change, callback_stays, change_of, changes};
use super::drawn::{self, Drawn};
use crate::error::AppError;
use crate::secret::Secret;
use crate::server::{answer, go, signed_in};

/// Saves the configuration of an assistant that is not running.
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
        callback_stays(&drawn, &callback_url)?;
        let body = changes(&now, &drawn, &name, &model, (&telegram_bot_token, &model_api_key));
        services.update(&caller, &id, input::update(body)).await?;
        go(&format!("/assistants/{id}?done=saved"))
    })
    .await
}

/// Saves the configuration of an assistant, running or not, and deploys it.
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
        services.change(&caller, &id, change_of(body, callback_change(&drawn, &callback_url))).await?;
        go(&format!("/assistants/{id}?done=changed"))
    })
    .await
}

/// Deploys what is configured now.
#[server(prefix = "/_fn", endpoint = "redeploy")]
pub async fn redeploy(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.redeploy(&caller, &id, Ok(CallbackChange::Keep)).await?;
        go(&format!("/assistants/{id}"))
    })
    .await
}

/// Stops an assistant.
#[server(prefix = "/_fn", endpoint = "stop")]
pub async fn stop(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.stop(&caller, &id, Ok(())).await?;
        go(&format!("/assistants/{id}"))
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
