//! Who owns an assistant in Telegram, and the link that changes it.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::{AssistantRecord, Status};

use super::list::display_name;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::qr::{Qr, QrPicture};
use crate::components::time_and_status::Time;
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::functions::people::CreateOwnerLink;
use crate::people::Owner;

/// The owner, and the form that creates the link. `token` makes sure that it creates one.
pub(super) fn section(
    record: &AssistantRecord,
    owner: Option<&Owner>,
    token: String,
) -> Result<AnyView, AppError> {
    let link = match flash::message().as_deref() {
        Some(Message::OwnerLink { url, expires_at }) => Some(owner_link(url.expose(), *expires_at)?),
        _ => None,
    };
    let form = Form::of::<CreateOwnerLink>("owner-link", &[]);
    let id = record.id.clone();
    // Before activation there is no bot that a link could open.
    let has_bot = !matches!(record.status, Status::PendingPayment | Status::Purchased);
    let view = view! {
        <section class="card" aria-labelledby="owner">
            <h2 id="owner">"Owner"</h2>
            {match owner {
                Some(owner) => view! {
                    <p><strong>{display_name(&owner.person)}</strong> " owns this assistant in Telegram and decides on requests there."</p>
                }
                .into_any(),
                None => view! {
                    <p>
                        "Nobody owns this assistant in Telegram yet. Open the owner link with your Telegram account. Until then, the \
                         first person who writes to the bot becomes the owner."
                    </p>
                }
                .into_any(),
            }}
            {link}
            {has_bot.then(|| view! { <PostForm form class="inline">
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="token" value=token/>
                <Submit label="Create owner link" busy="Creating…" class="quiet"/>
            </PostForm> })}
            <p class="hint">"The first person to open the link becomes the owner. An earlier link stops working."</p>
        </section>
    };
    Ok(view.into_any())
}

fn owner_link(url: &str, expires_at: Timestamp) -> Result<AnyView, AppError> {
    // The address is a secret, so its code is not held.
    let qr = Qr::of(url)?;
    let view = view! {
        <div class="bot-address" role="status">
            <QrPicture qr aria_label="QR code of the owner link"/>
            <p><a class="button" href=url.to_owned()>"Open in Telegram"</a></p>
            <p class="hint">"Works once, until " <Time at=expires_at/> ". It is shown only now."</p>
        </div>
    };
    Ok(view.into_any())
}
