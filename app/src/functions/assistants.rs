//! Assistants: looking, buying, and what can be done with one.

use leptos::prelude::*;
use reef_domain::catalog::Catalog;
use reef_domain::wire::{AssistantRecord, Status};
use reef_domain::{Timestamp, Usd};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::body::{activation, callback_change, changes, filled};
use crate::error::AppError;
use crate::secret::Secret;
#[cfg(feature = "ssr")]
use crate::server::{answer, go, signed_in};
#[cfg(feature = "ssr")]
use reef_domain::{callback_url, input};

/// An assistant with what its page shows around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The record.
    pub record: AssistantRecord,
    /// Where it can be paid, while it is not.
    pub checkout_url: Option<String>,
    /// What happened, newest first.
    pub timeline: Vec<Happened>,
    /// Its model credit, in managed mode once it was paid.
    pub credit: Option<Credit>,
}

/// A managed assistant's model credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// What has been spent, as last read.
    pub used: Usd,
    /// What all paid periods have brought.
    pub credited: Usd,
    /// Whether the model is refused until there is more.
    pub is_used_up: bool,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// To which status.
    pub status: Status,
    /// What there was to say.
    pub message: Option<String>,
}

/// The assistants of who is signed in, newest first.
#[server(prefix = "/_fn", endpoint = "assistants")]
pub async fn load_assistants() -> Result<Vec<AssistantRecord>, AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        Ok(services.list_assistants(&caller).await?)
    })
    .await
}

/// The models there are to choose from.
#[server(prefix = "/_fn", endpoint = "catalog")]
pub async fn load_catalog() -> Result<Catalog, AppError> {
    answer(&[], async {
        let (services, _) = signed_in().await?;
        Ok(services.catalog().await?.as_ref().clone())
    })
    .await
}

/// One assistant of who is signed in.
#[server(prefix = "/_fn", endpoint = "assistant")]
pub async fn load_assistant(id: String) -> Result<Details, AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        let found = services.assistant_details(&caller, &id).await?;
        let entry = |(at, status, message)| Happened { at, status, message };
        let timeline = found.timeline.into_iter().map(entry).collect();
        let credit = found.credit.map(|credit| Credit {
            used: credit.used,
            credited: credit.credited,
            is_used_up: credit.is_used_up,
        });
        Ok(Details { record: found.record, checkout_url: found.checkout_url, timeline, credit })
    })
    .await
}

/// Orders a slot and goes to its checkout.
#[server(prefix = "/_fn", endpoint = "purchase")]
pub async fn purchase(#[server(default)] api_mode: String) -> Result<(), AppError> {
    answer(&[("api_mode", &api_mode)], async {
        let (services, caller) = signed_in().await?;
        let mode = input::purchase(filled(&[("apiMode", &api_mode)]));
        let bought = services.purchase(&caller, mode).await?;
        go(&bought.checkout_url)
    })
    .await
}

/// Configures a purchased slot and deploys it.
#[server(prefix = "/_fn", endpoint = "activate")]
pub async fn activate(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
    #[server(default)] callback_url: String,
) -> Result<AssistantRecord, AppError> {
    answer(&[("name", &name), ("model", &model), ("callback_url", &callback_url)], async {
        let (services, caller) = signed_in().await?;
        let secrets = (&telegram_bot_token, &model_api_key);
        let body = activation(&name, &model, secrets, &callback_url);
        let after = services.activate(&caller, &id, input::activate(body, callback_url::check)).await?;
        go(&format!("/assistants/{id}")).map(|()| after)
    })
    .await
}

/// Changes the configuration of an assistant that is not running.
#[server(prefix = "/_fn", endpoint = "update")]
pub async fn update(
    id: String,
    #[server(default)] name: String,
    #[server(default)] model: String,
    #[server(default)] telegram_bot_token: Secret,
    #[server(default)] model_api_key: Secret,
) -> Result<AssistantRecord, AppError> {
    answer(&[("name", &name), ("model", &model)], async {
        let (services, caller) = signed_in().await?;
        let now = services.assistant(&caller, &id).await?;
        let body = changes(&now, &name, &model, (&telegram_bot_token, &model_api_key));
        let after = services.update(&caller, &id, input::update(body)).await?;
        go(&format!("/assistants/{id}?done=saved")).map(|()| after)
    })
    .await
}

/// Deploys what is configured now, with another callback URL if one is given.
#[server(prefix = "/_fn", endpoint = "redeploy")]
pub async fn redeploy(
    id: String,
    #[server(default)] callback_url: String,
) -> Result<AssistantRecord, AppError> {
    answer(&[("callback_url", &callback_url)], async {
        let (services, caller) = signed_in().await?;
        let now = services.assistant(&caller, &id).await?;
        let change = input::redeploy(callback_change(&now, &callback_url), callback_url::check);
        let after = services.redeploy(&caller, &id, change).await?;
        go(&format!("/assistants/{id}")).map(|()| after)
    })
    .await
}

/// Stops an assistant.
#[server(prefix = "/_fn", endpoint = "stop")]
pub async fn stop(id: String) -> Result<AssistantRecord, AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        let after = services.stop(&caller, &id, Ok(())).await?;
        go(&format!("/assistants/{id}")).map(|()| after)
    })
    .await
}

/// Deletes an assistant.
#[server(prefix = "/_fn", endpoint = "delete")]
pub async fn delete(id: String) -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        services.delete(&caller, &id, Ok(())).await?;
        go("/assistants?done=deleted")
    })
    .await
}
