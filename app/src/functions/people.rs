//! The forms of the page about an assistant's people.

use leptos::prelude::*;

use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with, redirect_with_notice};
use crate::secret::Secret;
use crate::server::{authenticate, run_form};

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
