//! The forms of the page about an assistant's people.

use leptos::prelude::*;
use reef_domain::ErrorCode;

use crate::error::AppError;
use crate::flash::{Message, Notice, redirect_with_message_once, redirect_with_notice};
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

/// Creates an owner link, once for each form: a second link would end the first one. Only the page that follows shows it.
#[server(prefix = "/_fn", endpoint = "create_owner_link")]
pub async fn create_owner_link(id: String, #[server(default)] token: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        let (creator, page, of) = (services.clone(), format!("/assistants/{id}/people"), id.clone());
        let creation = async move {
            let link = creator.create_owner_link(&caller, &of, Ok(())).await?;
            Ok(Message::OwnerLink { url: Secret::from(link.url), expires_at: link.expires_at })
        };
        let content = format!("owner link {id}");
        redirect_with_message_once(&page, (&services, &caller), (&*token, &*content), creation).await
    })
    .await
}

/// Removes an owner who only wrote first.
#[server(prefix = "/_fn", endpoint = "disown_owner")]
pub async fn disown_owner(id: String) -> Result<(), AppError> {
    run_form(&[], async {
        let (services, caller) = authenticate().await?;
        services.disown_first_writer(&caller, &id, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/people"), Notice::OwnerDisowned).await
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

/// Adds something that a conversation should remember. `conversation` is its chat and its topic.
#[server(prefix = "/_fn", endpoint = "create_fact")]
pub async fn create_fact(
    id: String,
    #[server(default)] conversation: String,
    #[server(default)] text: String,
) -> Result<(), AppError> {
    run_form(&[("conversation", &conversation), ("text", &text)], async {
        let (services, caller) = authenticate().await?;
        let numbers = conversation.split_once('_');
        let key = numbers.and_then(|(chat, topic)| Some((chat.parse().ok()?, topic.parse().ok()?)));
        let key = key.ok_or_else(|| {
            AppError::new(ErrorCode::InvalidRequest, "Choose a conversation, and try again.")
        })?;
        services.create_fact(&caller, &id, key, &lines(&text)).await?;
        redirect_with_notice(&format!("/assistants/{id}/people#facts"), Notice::FactAdded).await
    })
    .await
}

/// Replaces the text of a fact.
#[server(prefix = "/_fn", endpoint = "update_fact")]
pub async fn update_fact(id: String, fact: String, #[server(default)] text: String) -> Result<(), AppError> {
    run_form(&[("fact", &fact), ("text", &text)], async {
        let (services, caller) = authenticate().await?;
        services.update_fact(&caller, &id, &fact, &lines(&text)).await?;
        redirect_with_notice(&format!("/assistants/{id}/people#facts"), Notice::FactSaved).await
    })
    .await
}

#[server(prefix = "/_fn", endpoint = "delete_fact")]
pub async fn delete_fact(id: String, fact: String) -> Result<(), AppError> {
    run_form(&[("fact", &fact)], async {
        let (services, caller) = authenticate().await?;
        services.delete_fact(&caller, &id, &fact, Ok(())).await?;
        redirect_with_notice(&format!("/assistants/{id}/people#facts"), Notice::FactDeleted).await
    })
    .await
}

/// A text as it was typed: browsers send line breaks as CRLF.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
