//! The forms of the pages about an assistant's behavior and its people.

#![expect(
    clippy::too_many_arguments,
    reason = "server functions have an argument for each field of their form"
)]

use leptos::prelude::*;
use reef_domain::settings_input;
use serde_json::{Map, Value, json};

use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with, redirect_with_notice};
use crate::secret::Secret;
use crate::server::{authenticate, run_form};

/// Changes how an assistant behaves.
#[server(prefix = "/_fn", endpoint = "update_behavior")]
pub async fn update_behavior(
    id: String,
    #[server(default)] instructions: String,
    #[server(default)] greeting: String,
    #[server(default)] language: String,
    #[server(default)] time_zone: String,
    #[server(default)] access_mode: String,
    #[server(default)] access_groups: String,
    #[server(default)] memory: bool,
) -> Result<(), AppError> {
    let remembers = memory.to_string();
    let values = [
        ("instructions", &*instructions),
        ("greeting", &greeting),
        ("language", &language),
        ("time_zone", &time_zone),
        ("access_mode", &access_mode),
        ("access_groups", &access_groups),
        ("memory", &remembers),
    ];
    run_form(&values, async {
        let (services, caller) = authenticate().await?;
        let before = services.get_settings(&caller, &id).await?;
        // Browsers send line breaks as CRLF.
        let lines = |text: &str| text.replace("\r\n", "\n");
        let body = json!({
            "instructions": lines(&instructions), "greeting": lines(&greeting), "language": language.trim(),
            "timeZone": time_zone.trim(), "access": {"mode": access_mode, "groups": access_groups},
            "tools": {"memory": memory},
        });
        let body: Map<String, Value> = body.as_object().cloned().unwrap_or_default();
        let after = services.update_settings(&caller, &id, settings_input::parse(body)).await?;
        let is_changed = after.revision != before.revision;
        let notice = if is_changed { Notice::BehaviorSaved } else { Notice::NothingChanged };
        redirect_with_notice(&format!("/assistants/{id}/behavior"), notice).await
    })
    .await
}

/// Makes the settings of a revision the current ones.
#[server(prefix = "/_fn", endpoint = "restore_behavior")]
pub async fn restore_behavior(id: String, revision: String) -> Result<(), AppError> {
    run_form(&[("revision", &revision)], async {
        let (services, caller) = authenticate().await?;
        services.restore_settings(&caller, &id, &revision, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/behavior"), Notice::BehaviorRestored).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "approve_person")]
pub async fn approve_person(id: String, person: String) -> Result<(), AppError> {
    run_form(&[("person", &person)], async {
        let (services, caller) = authenticate().await?;
        services.approve_person(&caller, &id, &person, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/people"), Notice::PersonApproved).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "block_person")]
pub async fn block_person(id: String, person: String) -> Result<(), AppError> {
    run_form(&[("person", &person)], async {
        let (services, caller) = authenticate().await?;
        services.block_person(&caller, &id, &person, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/people"), Notice::PersonBlocked).await
    })
    .await
}

/// Erases what is known of a person.
#[server(prefix = "/_fn", endpoint = "erase_person")]
pub async fn erase_person(id: String, person: String) -> Result<(), AppError> {
    run_form(&[("person", &person)], async {
        let (services, caller) = authenticate().await?;
        services.delete_person(&caller, &id, &person, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/people"), Notice::PersonErased).await
    })
    .await
}

/// Creates an owner link, which only the page that follows shows.
#[server(prefix = "/_fn", endpoint = "create_owner_link")]
pub async fn create_owner_link(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let link = services.create_owner_link(&caller, &id, Ok(())).await?;
        let message = Message::OwnerLink { url: Secret::from(link.url), expires_at: link.expires_at };
        redirect_with(&format!("/assistants/{id}/people"), message).await
    })
    .await
}

/// Sets whether an assistant may answer in a group.
#[server(prefix = "/_fn", endpoint = "allow_group")]
pub async fn allow_group(id: String, chat: i64, #[server(default)] is_allowed: bool) -> Result<(), AppError> {
    run_form(&[("chat", &chat.to_string())], async {
        let (services, caller) = authenticate().await?;
        services.approve_group(&caller, &id, chat, is_allowed).await?;
        let notice = if is_allowed { Notice::GroupAllowed } else { Notice::GroupDisallowed };
        redirect_with_notice(&format!("/assistants/{id}/people"), notice).await
    })
    .await
}
