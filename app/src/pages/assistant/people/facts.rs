//! What the assistant was asked to remember, by conversation.

use leptos::prelude::*;
use reef_domain::people::Fact;
use reef_service::people::FactConversation;

use super::list::display_name;
use crate::components::dialog::Dialog;
use crate::components::form::{FieldIssue, Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::Time;
use crate::functions::people::{CreateFact, DeleteFact, UpdateFact};
use crate::people::PeopleData;

/// The conversations that have facts, and the form that adds one to any conversation.
pub(super) fn section(id: &str, shown: &PeopleData) -> AnyView {
    let entry = |conversation: &FactConversation| conversation_entry(id, conversation);
    let content = if shown.facts.is_empty() {
        view! { <p class="hint">"Nothing yet. People add to it with /remember in their chat."</p> }.into_any()
    } else {
        shown.facts.iter().map(entry).collect_view().into_any()
    };
    view! {
        <section class="card" aria-labelledby="facts">
            <h2 id="facts">"Memory"</h2>
            <p>"What your assistant was asked to remember. Each conversation has its own; nothing of a private chat enters a group."</p>
            {content}
            {add(id, shown)}
        </section>
    }
    .into_any()
}

fn conversation_entry(id: &str, conversation: &FactConversation) -> AnyView {
    let title = title(conversation);
    let details_id = format!("facts-{}-{}", conversation.chat_id, conversation.thread_id);
    let entry = |fact: &Fact| fact_entry(id, fact);
    let has_error = conversation.facts.iter().any(|fact| edit_form(fact).has_failed());
    let count = match conversation.facts.len() {
        1 => "1 fact".to_owned(),
        count => format!("{count} facts"),
    };
    view! {
        <details id=details_id open=has_error>
            <summary>{format!("{title}: {count}")}</summary>
            <ul class="rows">{conversation.facts.iter().map(entry).collect_view()}</ul>
        </details>
    }
    .into_any()
}

fn title(conversation: &FactConversation) -> String {
    let is_group = conversation.chat_id < 0;
    let kind = if is_group { "a group" } else { "a private chat" };
    let name =
        conversation.title.clone().filter(|title| !title.is_empty()).unwrap_or_else(|| kind.to_owned());
    let topic = (conversation.thread_id != 0).then(|| format!(", topic {}", conversation.thread_id));
    format!("{name}{}", topic.unwrap_or_default())
}

fn edit_form(fact: &Fact) -> Form {
    Form::of::<UpdateFact>("fact", &["text"]).for_item("fact", &fact.id)
}

fn fact_entry(id: &str, fact: &Fact) -> AnyView {
    let form = edit_form(fact);
    let details_id = format!("edit-fact-{}", fact.id);
    let label = format!("Edit “{}”", shortened(&fact.text));
    let (id_value, fact_value) = (id.to_owned(), fact.id.clone());
    let field = text_field(form, &format!("fact-{}", fact.id), fact.text.clone());
    view! {
        <li>
            <p class="break">{fact.text.clone()}</p>
            <p class="hint">"Since " <Time at=fact.created_at/></p>
            <div class="buttons">
                <details id=details_id open=form.has_failed()>
                    <summary aria-label=label>"Edit"</summary>
                    <PostForm form>
                        <FormErrorMessage form/>
                        <input type="hidden" name="id" value=id_value/>
                        <input type="hidden" name="fact" value=fact_value/>
                        {field}
                        <Submit label="Save" busy="Saving…" class="small"/>
                    </PostForm>
                </details>
                {delete(id, fact)}
            </div>
        </li>
    }
    .into_any()
}

/// The field for the text of a fact. `id` is unique within the page.
fn text_field(form: Form, id: &str, value: String) -> AnyView {
    let (id, issue_id) = (id.to_owned(), format!("{id}-issue"));
    let (hint_id, is_wrong) = (format!("{id}-hint"), form.issue(&["text"]).is_some());
    view! {
        <div class="field">
            <label for=id.clone()>"What to remember"</label>
            <textarea
                id=id
                name="text"
                rows="3"
                class="short"
                required
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=format!("{hint_id} {issue_id}")
            >
                // The parser of HTML drops a line break at the beginning.
                {format!("\n{}", form.typed_value("text").unwrap_or(value))}
            </textarea>
            <p class="hint" id=hint_id>"Up to 500 characters."</p>
            <FieldIssue form id=issue_id path=&["text"]/>
        </div>
    }
    .into_any()
}

fn delete(id: &str, fact: &Fact) -> AnyView {
    let form = Form::of::<DeleteFact>("delete-fact", &[]).for_item("fact", &fact.id);
    let (id, fact_value, text) = (id.to_owned(), fact.id.clone(), fact.text.clone());
    view! {
        <Dialog
            id=format!("delete-fact-{}", fact.id)
            button="Delete"
            class="quiet small"
            label=format!("Delete “{}”", shortened(&fact.text))
            title="Delete this fact?"
            open=form.has_failed()
        >
            <p class="break">{text}</p>
            <p>"It can’t be restored."</p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="fact" value=fact_value/>
                <Submit label="Delete fact" busy="Deleting…" class="danger"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

/// The form that adds a fact. A conversation that has facts already can be in a topic of its group.
fn add(id: &str, shown: &PeopleData) -> Option<AnyView> {
    let form = Form::of::<CreateFact>("new-fact", &["text"]);
    let mut conversations: Vec<(String, String)> = Vec::new();
    let mut offer = |chat: i64, thread: i64, label: String| {
        let value = format!("{chat}_{thread}");
        if !conversations.iter().any(|(known, _)| *known == value) {
            conversations.push((value, label));
        }
    };
    for conversation in &shown.facts {
        offer(conversation.chat_id, conversation.thread_id, title(conversation));
    }
    for person in shown.owner.owner.iter().chain(&shown.approved.people) {
        offer(person.telegram_user_id, 0, display_name(person));
    }
    for group in &shown.groups {
        offer(
            group.chat_id,
            0,
            if group.title.is_empty() { "Untitled group".to_owned() } else { group.title.clone() },
        );
    }
    if conversations.is_empty() {
        return None;
    }
    let typed = form.typed_value("conversation");
    let option = |(value, label): (String, String)| {
        let is_chosen = typed.as_deref() == Some(&value);
        view! { <option value=value selected=is_chosen>{label}</option> }
    };
    let options = conversations.into_iter().map(option).collect_view();
    let (id, field) = (id.to_owned(), text_field(form, "new-fact-text", String::new()));
    let view = view! {
        <details id="add-fact" open=form.has_failed()>
            <summary>"Add a fact"</summary>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <div class="field">
                    <label for="new-fact-conversation">"Conversation"</label>
                    <select id="new-fact-conversation" name="conversation">{options}</select>
                </div>
                {field}
                <Submit label="Add fact" busy="Adding…"/>
            </PostForm>
        </details>
    };
    Some(view.into_any())
}

/// The longest text of a fact in the label of its button, in characters.
const LABEL_CHARS_MAX: usize = 60;

fn shortened(text: &str) -> String {
    if text.chars().count() <= LABEL_CHARS_MAX {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LABEL_CHARS_MAX).collect();
    short.push('…');
    short
}
