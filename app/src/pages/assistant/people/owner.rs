//! Who owns an assistant in Telegram, and the link that changes it.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::wire::{AssistantRecord, Status};
use reef_service::people::{OwnerOrigin, OwnerState};

use super::list::display_name;
use crate::components::dialog::Dialog;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::qr::{Qr, QrPicture};
use crate::components::time_and_status::Time;
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::functions::people::{CreateOwnerLink, DisownOwner};

/// The owner, and the form that creates the link. `token` makes sure that it creates one.
pub(super) fn section(
    record: &AssistantRecord,
    state: &OwnerState,
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
            {who(record, state)}
            {link}
            {has_bot.then(|| view! {
                <div class="action">
                    <PostForm form class="inline">
                        <FormErrorMessage form/>
                        <input type="hidden" name="id" value=id/>
                        <input type="hidden" name="token" value=token/>
                        <Submit label="Create owner link" busy="Creating…" class="quiet"/>
                    </PostForm>
                    <p class="hint">"The first person to open the link becomes the owner. An earlier link stops working."</p>
                </div>
            })}
        </section>
    };
    Ok(view.into_any())
}

/// Who the owner is and since when, or how someone becomes it.
fn who(record: &AssistantRecord, state: &OwnerState) -> AnyView {
    let Some(owner) = &state.owner else {
        let next = if state.is_link_required {
            "Nobody becomes the owner by writing to the bot."
        } else {
            "Until then, the first person who writes to the bot becomes the owner."
        };
        return view! {
            <p>"Nobody owns this assistant in Telegram yet. Open the owner link with your Telegram account. " {next}</p>
        }
        .into_any();
    };
    let name = display_name(owner);
    let how = match state.became_owner_by {
        Some(OwnerOrigin::Writing) => " by writing first.",
        _ => " with the owner link.",
    };
    let since = state.became_owner_at.map(|at| view! { " became the owner on " <Time at/> {how} });
    let disown = state.can_be_disowned_until.map(|until| disown(record, &name, until));
    view! {
        <p><strong>{name}</strong> {since}</p>
        <p class="hint">"The owner decides on requests in Telegram, too, and may always talk to the assistant."</p>
        {disown}
    }
    .into_any()
}

/// The button that removes an owner who only wrote first, and its confirmation.
fn disown(record: &AssistantRecord, name: &str, until: Timestamp) -> AnyView {
    let form = Form::of::<DisownOwner>("disown", &[]);
    let (id, title) = (record.id.clone(), format!("Remove {name} as the owner?"));
    view! {
        <div class="action">
            <Dialog id="disown" button="This isn’t me" class="quiet" title open=form.has_failed()>
                <p>
                    "They are blocked, and your assistant has no owner until someone opens the owner link. Nobody becomes the owner by \
                     writing first again."
                </p>
                <PostForm form>
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <Submit label="Remove the owner" busy="Removing…" class="danger"/>
                </PostForm>
            </Dialog>
            <p class="hint">"Possible until " <Time at=until/> ". After that, a new owner link replaces the owner."</p>
        </div>
    }
    .into_any()
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
