//! The groups that an assistant is in.

use leptos::prelude::*;
use reef_domain::people::Role;
use reef_service::people::Group;

use super::list::display_name;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::functions::people::AllowGroup;

/// The groups, each with who added the assistant and whether it may answer there.
pub(super) fn section(id: &str, groups: &[Group]) -> AnyView {
    if groups.is_empty() {
        return ().into_any();
    }
    let entry = |group: &Group| {
        let form = Form::of::<AllowGroup>("group", &[]).for_item("chat", &group.chat_id.to_string());
        let title = if group.title.is_empty() { "Untitled group".to_owned() } else { group.title.clone() };
        let label = if group.is_approved { "Stop allowing" } else { "Allow" };
        let (id, chat, is_allowed) =
            (id.to_owned(), group.chat_id.to_string(), (!group.is_approved).to_string());
        // The owner's own groups need no permission.
        let has_button = group.is_approved || !is_added_by_owner(group);
        let aria_label = format!("{label} {title}");
        view! {
            <li>
                <p><strong>{title.clone()}</strong></p>
                <p class="hint">{origin(group)}</p>
                {has_button.then(|| view! {
                <PostForm form class="inline">
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=id/>
                    <input type="hidden" name="chat" value=chat/>
                    <input type="hidden" name="is_allowed" value=is_allowed/>
                    <Submit label=label busy="Saving…" class="quiet small" aria_label/>
                </PostForm>
                })}
            </li>
        }
    };
    view! {
        <section class="card" aria-labelledby="groups">
            <h2 id="groups">"Groups"</h2>
            <p class="hint">"Your assistant answers in groups that the owner or an approved person has added it to, and in those that you allow."</p>
            <ul class="rows">{groups.iter().map(entry).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn is_added_by_owner(group: &Group) -> bool {
    group.added_by.as_ref().is_some_and(|person| person.role == Role::Owner)
}

/// Who added the assistant, and whether it was allowed here.
fn origin(group: &Group) -> String {
    let added = match &group.added_by {
        Some(person) if is_added_by_owner(group) => format!("Added by the owner, {}.", display_name(person)),
        Some(person) => format!("Added by {}.", display_name(person)),
        None => "It isn’t known who added it.".to_owned(),
    };
    let allowed = if group.is_approved { " You allowed this group." } else { "" };
    format!("{added}{allowed}")
}
