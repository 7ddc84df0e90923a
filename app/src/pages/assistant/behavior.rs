//! `/assistants/{id}/behavior`: how an assistant behaves, and what was changed about that.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::settings::{AccessMode, GroupMode, SettingsRecord};
use reef_domain::wire::AssistantRecord;
use reef_service::settings::SettingsRevision;
use serde_json::Value;

use crate::components::error_page::render_or_error;
use crate::components::field::{Checkbox, RadioGroup, RadioOption, TextArea, TextField};
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::notice::Notice;
use crate::components::page::Head;
use crate::components::time_and_status::Time;
use crate::functions::people::{RestoreBehavior, UpdateBehavior};
use crate::server::authenticate;

/// How many of the newest revisions the page shows.
const REVISIONS_SHOWN: usize = 20;

#[component]
pub(crate) fn BehaviorPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let settings = services.get_settings(&caller, &id).await?;
        let (revisions, _) = services.list_settings_revisions(&caller, &id, Ok(None)).await?;
        Ok(page(&record, settings, &revisions))
    })
}

fn page(record: &AssistantRecord, settings: SettingsRecord, revisions: &[SettingsRevision]) -> AnyView {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let people = format!("{back}/people");
    let current = settings.revision;
    let entry = |revision: &SettingsRevision| revision_entry(&record.id, revision, current);
    view! {
        <Head title=format!("Behavior of {name}") description="How an assistant behaves and whom it serves."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <Notice/>
        <h1>"Behavior"</h1>
        <p>
            "Changes take effect with the next answer; nothing is restarted. Who has written to your assistant is on the page "
            <a href=people>"People"</a> "."
        </p>
        <div class="split">
            <div>{settings_form(&record.id, settings)}</div>
            <div>
                <section class="card" aria-labelledby="revisions">
                    <h2 id="revisions">"Changes"</h2>
                    <ul class="timeline">{revisions.iter().take(REVISIONS_SHOWN).map(entry).collect_view()}</ul>
                </section>
            </div>
        </div>
    }
    .into_any()
}

fn settings_form(id: &str, settings: SettingsRecord) -> AnyView {
    let id = id.to_owned();
    let form = Form::of::<UpdateBehavior>(
        "behavior",
        &["instructions", "greeting", "language", "timeZone", "access.mode", "access.groups"],
    );
    view! {
        <section class="card" aria-label="Settings">
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <TextArea
                    form
                    name="instructions"
                    path=&["instructions"]
                    label="Instructions"
                    value=settings.instructions.unwrap_or_default()
                    rows=10
                    hint="What your assistant is for, how it should answer, and what it should leave out. Up to 8,000 characters."
                />
                <TextArea
                    form
                    name="greeting"
                    path=&["greeting"]
                    label="Greeting"
                    value=settings.greeting.unwrap_or_default()
                    rows=3
                    hint="The reply to /start. Leave it empty for the standard greeting."
                />
                <TextField
                    form
                    name="language"
                    path=&["language"]
                    label="Language of the answers"
                    value=settings.language.unwrap_or_default()
                    optional=true
                    hint="A language tag, such as en or pt-BR. Leave it empty to answer in the language of the question."
                />
                <TextField
                    form
                    name="time_zone"
                    path=&["timeZone"]
                    label="Time zone"
                    value=settings.time_zone
                    hint="Such as Europe/Berlin or America/New_York."
                />
                <RadioGroup
                    form
                    name="access_mode"
                    path=&["access.mode"]
                    label="Who may talk to it"
                    options=access_modes()
                    chosen=settings.access.mode.as_str()
                />
                <RadioGroup
                    form
                    name="access_groups"
                    path=&["access.groups"]
                    label="In groups"
                    options=group_modes()
                    chosen=settings.access.groups.as_str()
                />
                <Checkbox
                    form
                    name="memory"
                    label="Use what people ask it to remember"
                    checked=settings.tools.memory
                />
                <Submit label="Save" busy="Saving…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

fn option(value: &'static str, label: &str, description: &str) -> RadioOption {
    RadioOption { value, label: label.to_owned(), description: description.to_owned() }
}

fn access_modes() -> Vec<RadioOption> {
    vec![
        option(
            AccessMode::Approved.as_str(),
            "People you approve",
            "Everyone else is told to wait, and you decide.",
        ),
        option(AccessMode::Owner.as_str(), "Only the owner", "Nobody else gets an answer in a private chat."),
        option(AccessMode::Anyone.as_str(), "Everyone", "Anyone who finds the bot can use your model."),
    ]
}

fn group_modes() -> Vec<RadioOption> {
    vec![
        option(
            GroupMode::Mention.as_str(),
            "When mentioned",
            "It answers mentions and replies to its messages.",
        ),
        option(GroupMode::All.as_str(), "Every message", "It answers whatever is written in the group."),
        option(GroupMode::Off.as_str(), "Never", "It stays silent in groups."),
    ]
}

fn revision_entry(id: &str, revision: &SettingsRevision, current: i64) -> AnyView {
    let form =
        Form::of::<RestoreBehavior>("restore", &[]).for_item("revision", &revision.revision.to_string());
    let restore = (revision.revision != current).then(|| {
        let label = format!("Restore revision {}", revision.revision);
        let (id, number) = (id.to_owned(), revision.revision.to_string());
        view! {
            <PostForm form class="inline">
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="revision" value=number/>
                <Submit label="Restore" busy="Restoring…" class="quiet small" aria_label=label/>
            </PostForm>
        }
    });
    let changes = revision.changes.iter().map(|change| {
        let (from, to) = (words(&change.from), words(&change.to));
        view! { <p class="hint"><code>{change.path.clone()}</code> ": " {from} " → " {to}</p> }
    });
    let is_first = revision.changes.is_empty();
    view! {
        <li>
            <p>
                <strong>{format!("Revision {}", revision.revision)}</strong> " " <Time at=revision.created_at/>
                {(revision.revision == current).then_some(" (current)")}
            </p>
            <p class="hint">{if is_first { "The settings at first".to_owned() } else { revision.author.name.clone() }}</p>
            {changes.collect_view()}
            {restore}
        </li>
    }
    .into_any()
}

/// The longest value that is shown of a change, in characters.
const WORDS_MAX: usize = 120;

/// A value of a setting in words.
fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => "not set".to_owned(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::String(text) => format!("“{text}”"),
        Value::Array(items) => match items.len() {
            1 => "1 entry".to_owned(),
            count => format!("{count} entries"),
        },
        other => other.to_string(),
    };
    if text.chars().count() <= WORDS_MAX {
        return text;
    }
    let mut shortened: String = text.chars().take(WORDS_MAX).collect();
    shortened.push('…');
    shortened
}
