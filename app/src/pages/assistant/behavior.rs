//! `/assistants/{id}/behavior`: how an assistant behaves, and what was changed about that.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::query::Page;
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
use crate::request::query_value;
use crate::server::authenticate;

/// How many of the newest revisions the page shows.
const REVISIONS_SHOWN: i64 = 20;

/// A text to start from.
struct Template {
    /// The name in the page's address.
    slug: &'static str,
    label: &'static str,
    instructions: &'static str,
    greeting: &'static str,
}

const TEMPLATES: [Template; 5] = [
    Template {
        slug: "support",
        label: "Support",
        instructions: "You answer questions about our product for its customers. Be friendly and precise. Ask one question \
            if something is unclear. Never guess prices, dates or promises: if you don't know, say that a person will follow up.",
        greeting: "Hi! What can I help you with?",
    },
    Template {
        slug: "tutor",
        label: "Tutor",
        instructions: "You help one person learn. Explain step by step, with an example from daily life. Ask what they already \
            know before you begin. Don't solve exercises for them: give hints, and check their answers.",
        greeting: "Hello! What would you like to learn today?",
    },
    Template {
        slug: "coach",
        label: "Coach",
        instructions: "You help one person reach their goals. Ask open questions, listen, and summarize what you understood. \
            End each conversation with one small step that they want to take next. You are not a doctor or a therapist: say so \
            when it matters.",
        greeting: "Good to see you. What is on your mind?",
    },
    Template {
        slug: "writer",
        label: "Writer",
        instructions: "You help one person write. Keep their voice. Improve clarity first, then style. Show the improved text, \
            then explain the most important changes in a few words.",
        greeting: "Send me a text, or say what you would like to write.",
    },
    Template { slug: "blank", label: "Blank", instructions: "", greeting: "" },
];

#[component]
pub(crate) fn BehaviorPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    let chosen = query_value("template").unwrap_or_default();
    let template = TEMPLATES.iter().find(|template| template.slug == chosen);
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let settings = services.get_settings(&caller, &id).await?;
        let newest = Page { limit: REVISIONS_SHOWN, after: None };
        let (revisions, _) = services.list_settings_revisions(&caller, &id, Ok(Some(newest))).await?;
        Ok(page(&record, settings, template, &revisions))
    })
}

fn page(
    record: &AssistantRecord,
    mut settings: SettingsRecord,
    template: Option<&'static Template>,
    revisions: &[SettingsRevision],
) -> AnyView {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let people = format!("{back}/people");
    let current = settings.revision;
    if let Some(template) = template {
        settings.instructions = Some(template.instructions.to_owned());
        settings.greeting = Some(template.greeting.to_owned());
    }
    let here = format!("{back}/behavior");
    let entry = |revision: &SettingsRevision| revision_entry(&record.id, revision, current);
    view! {
        <Head title=format!("Behavior of {name}") description="How an assistant behaves and who may talk to it."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <Notice/>
        <h1>"Behavior"</h1>
        <p>
            "Changes take effect with the next answer; nothing is restarted. Who has written to your assistant is on the page "
            <a href=people>"People"</a> "."
        </p>
        {templates(&here, template)}
        <div class="split">
            <div>{settings_form(&record.id, settings)}</div>
            <div>
                <section class="card" aria-labelledby="revisions">
                    <h2 id="revisions">"Changes"</h2>
                    <ul class="timeline">{revisions.iter().map(entry).collect_view()}</ul>
                </section>
            </div>
        </div>
    }
    .into_any()
}

/// Links to the texts to start from. They fill in the form, which still has to be saved.
fn templates(here: &str, chosen: Option<&'static Template>) -> AnyView {
    let link = |template: &'static Template| {
        let to = format!("{here}?template={}", template.slug);
        view! { <a class="button quiet small" href=to>{template.label}</a> " " }
    };
    let note = chosen.map(|template| {
        let sentence = format!("The template {} is filled in below. It isn’t saved yet.", template.label);
        view! { <p role="status">{sentence}</p> }
    });
    view! {
        <p>"Start from a template: " {TEMPLATES.iter().map(link).collect_view()}</p>
        {note}
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
            "Everyone else has to wait until you decide.",
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
