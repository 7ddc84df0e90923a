//! `/assistants/{id}/people`: who has written to an assistant, and who may talk to it.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::Timestamp;
use reef_domain::people::{Person, Role};
use reef_domain::query::{Cursor, LIMIT_MAX, Page};
use reef_domain::wire::{AssistantRecord, Status};
use reef_service::people::Group;

use crate::components::dialog::Dialog;
use crate::components::error_page::render_or_error;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::components::qr::{Qr, QrPicture};
use crate::components::time_and_status::Time;
use crate::error::AppError;
use crate::flash::{self, Message};
use crate::functions::people::{AllowGroup, ApprovePerson, BlockPerson, CreateOwnerLink, ErasePerson};
use crate::request::query_value;
use crate::server::authenticate;

#[component]
pub(crate) fn PeoplePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    let after = query_value("cursor").and_then(|text| Cursor::parse(&text));
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let (people, next) =
            services.list_people(&caller, &id, Ok(Some(Page { limit: LIMIT_MAX, after }))).await?;
        let owner = services.find_owner(&caller, &id).await?;
        let groups = services.list_groups(&caller, &id).await?;
        page(&record, owner.as_ref(), (&people, next), &groups)
    })
}

fn page(
    record: &AssistantRecord,
    owner: Option<&Person>,
    (people, next): (&[Person], Option<Cursor>),
    groups: &[Group],
) -> Result<AnyView, AppError> {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let behavior = format!("{back}/behavior");
    let more = next.map(|cursor| {
        let to = format!("{back}/people?cursor={cursor}");
        view! { <p><a class="button quiet" href=to>"People who wrote earlier"</a></p> }
    });
    let owner = owner_section(record, owner)?;
    let view = view! {
        <Head title=format!("People of {name}") description="Who has written to an assistant and who may talk to it."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <Notice/>
        <h1>"People"</h1>
        <p>"Who may talk to your assistant is set on the page " <a href=behavior>"Behavior"</a> "."</p>
        <div class="split">
            <div>
                {people_section(record, people, Role::Requested)}
                {people_section(record, people, Role::Approved)}
                {people_section(record, people, Role::Blocked)}
                {more}
            </div>
            <div>{owner} {groups_section(record, groups)}</div>
        </div>
    };
    Ok(view.into_any())
}

/// Who owns the assistant in Telegram, and the link that changes it.
fn owner_section(record: &AssistantRecord, owner: Option<&Person>) -> Result<AnyView, AppError> {
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
                    <p><strong>{display_name(owner)}</strong> " owns this assistant in Telegram and decides on requests there."</p>
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

fn people_section(record: &AssistantRecord, people: &[Person], role: Role) -> AnyView {
    let (title, empty) = match role {
        Role::Requested => ("Requests", "Nobody is waiting for your approval."),
        Role::Approved => ("Approved", "Nobody else may talk to your assistant yet."),
        _ => ("Blocked", "Nobody is blocked."),
    };
    let listed: Vec<_> = people.iter().filter(|person| person.role == role).collect();
    let content = if listed.is_empty() {
        view! { <p class="hint">{empty}</p> }.into_any()
    } else {
        let entries = listed.into_iter().map(|person| person_entry(&record.id, person));
        view! { <ul class="timeline">{entries.collect_view()}</ul> }.into_any()
    };
    view! {
        <section class="card" aria-labelledby=role.as_str()>
            <h2 id=role.as_str()>{title}</h2>
            {content}
        </section>
    }
    .into_any()
}

fn display_name(person: &Person) -> String {
    let username = person.username.as_ref().map(|username| format!(" (@{username})")).unwrap_or_default();
    format!("{}{username}", person.name)
}

fn person_entry(id: &str, person: &Person) -> AnyView {
    let approve = Form::of::<ApprovePerson>("approve", &[]).for_item("person", &person.id);
    let block = Form::of::<BlockPerson>("block", &[]).for_item("person", &person.id);
    let erase = Form::of::<ErasePerson>("erase", &[]).for_item("person", &person.id);
    let name = display_name(person);
    let hidden = || {
        let (id, person) = (id.to_owned(), person.id.clone());
        view! {
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="person" value=person/>
        }
        .into_any()
    };
    let (for_approval, for_block, for_erasure) = (hidden(), hidden(), hidden());
    let (approve_label, block_label) = (format!("Approve {name}"), format!("Block {name}"));
    view! {
        <li>
            <p><strong>{name.clone()}</strong></p>
            <p class="hint">"Wrote last " <Time at=person.last_seen_at/></p>
            {(person.role != Role::Approved).then(|| view! {
                <PostForm form=approve class="inline">
                    <FormErrorMessage form=approve/>
                    {for_approval}
                    <Submit label="Approve" busy="Approving…" class="small" aria_label=approve_label/>
                </PostForm>
            })}
            {(person.role != Role::Blocked).then(|| view! {
                <PostForm form=block class="inline">
                    <FormErrorMessage form=block/>
                    {for_block}
                    <Submit label="Block" busy="Blocking…" class="quiet small" aria_label=block_label/>
                </PostForm>
            })}
            <Dialog
                id=format!("erase-{}", person.id)
                button="Erase"
                class="quiet small"
                label=format!("Erase {name}")
                title=format!("Erase {name}?")
                open=erase.has_failed()
            >
                <p>"Their conversation and everything remembered about them is deleted. This can’t be undone."</p>
                <PostForm form=erase>
                    <FormErrorMessage form=erase/>
                    {for_erasure}
                    <Submit label="Erase" busy="Erasing…" class="danger"/>
                </PostForm>
            </Dialog>
        </li>
    }
    .into_any()
}

fn groups_section(record: &AssistantRecord, groups: &[Group]) -> AnyView {
    if groups.is_empty() {
        return ().into_any();
    }
    let entry = |group: &Group| {
        let form = Form::of::<AllowGroup>("group", &[]).for_item("chat", &group.chat_id.to_string());
        let title = if group.title.is_empty() { "Untitled group".to_owned() } else { group.title.clone() };
        let label = if group.is_approved { "Stop allowing" } else { "Allow" };
        let (id, chat, is_allowed) =
            (record.id.clone(), group.chat_id.to_string(), (!group.is_approved).to_string());
        let aria_label = format!("{label} {title}");
        view! {
            <li>
                <p><strong>{title.clone()}</strong></p>
                <PostForm form class="inline">
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <input type="hidden" name="chat" value=chat/>
                    <input type="hidden" name="is_allowed" value=is_allowed/>
                    <Submit label=label busy="Saving…" class="quiet small" aria_label/>
                </PostForm>
            </li>
        }
    };
    view! {
        <section class="card" aria-labelledby="groups">
            <h2 id="groups">"Groups"</h2>
            <p class="hint">"Your assistant answers in groups that the owner or an approved person has added it to, and in those that you allow."</p>
            <ul class="timeline">{groups.iter().map(entry).collect_view()}</ul>
        </section>
    }
    .into_any()
}
