//! The people with one role: those who wait for an approval, who may talk to the assistant, and who may not.

use leptos::prelude::*;
use reef_domain::people::{Person, Role};

use crate::components::dialog::Dialog;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::Time;
use crate::functions::people::{ApprovePerson, BlockPerson, ErasePerson};
use crate::people::PeopleList;

/// A page of the people with one role, with their number and a link to the next page.
pub(super) fn section(id: &str, people: &PeopleList) -> AnyView {
    let role = people.role.as_str();
    let (title, empty) = match people.role {
        Role::Requested => ("Requests", "Nobody is waiting for your approval."),
        Role::Approved => ("Approved", "Nobody else may talk to your assistant yet."),
        _ => ("Blocked", "Nobody is blocked."),
    };
    let content = if people.people.is_empty() {
        view! { <p class="hint">{empty}</p> }.into_any()
    } else {
        let entries = people.people.iter().map(|person| entry(id, person));
        view! { <ul class="rows">{entries.collect_view()}</ul> }.into_any()
    };
    let here = format!("/assistants/{id}/people");
    let newest = people.is_later_page.then(|| {
        let (to, label) = (format!("{here}#{role}"), format!("Newest: {title}"));
        view! { <a class="button quiet small" href=to aria-label=label>"Newest"</a> " " }
    });
    let more = people.next.map(|cursor| {
        let (to, label) = (format!("{here}?{role}={cursor}#{role}"), format!("Earlier: {title}"));
        view! { <a class="button quiet small" href=to aria-label=label>"Earlier"</a> }
    });
    let has_pages = newest.is_some() || more.is_some();
    view! {
        <section class="card" aria-labelledby=role>
            <h2 id=role>{format!("{title} ({})", people.total)}</h2>
            {content}
            {has_pages.then(|| view! { <p>{newest} {more}</p> })}
        </section>
    }
    .into_any()
}

/// The name of a person with their username.
pub(super) fn display_name(person: &Person) -> String {
    let username = person.username.as_ref().map(|username| format!(" (@{username})")).unwrap_or_default();
    format!("{}{username}", person.name)
}

fn entry(id: &str, person: &Person) -> AnyView {
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
            <p class="hint">"Wrote first " <Time at=person.first_seen_at/> ", last " <Time at=person.last_seen_at/></p>
            <div class="buttons">
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
                <p>
                    "Their private conversation with your assistant and everything it remembers of it is deleted. This can’t be undone. \
                     If they write again, they have to ask for your approval again."
                </p>
                <PostForm form=erase>
                    <FormErrorMessage form=erase/>
                    {for_erasure}
                    <Submit label="Erase" busy="Erasing…" class="danger"/>
                </PostForm>
            </Dialog>
            </div>
        </li>
    }
    .into_any()
}
