//! What was changed, with its author, and the buttons that restore it.

use leptos::prelude::*;
use reef_service::settings::SettingsRevision;
use serde_json::Value;

use crate::components::dialog::Dialog;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::Time;
use crate::functions::behavior::RestoreBehavior;

/// The newest revisions, newest first.
pub(super) fn section(id: &str, revisions: &[SettingsRevision], current: i64) -> AnyView {
    let entry = |revision: &SettingsRevision| revision_entry(id, revision, current);
    view! {
        <section class="card" aria-labelledby="revisions">
            <h2 id="revisions">"Changes"</h2>
            <ul class="timeline">{revisions.iter().map(entry).collect_view()}</ul>
        </section>
    }
    .into_any()
}

fn revision_entry(id: &str, revision: &SettingsRevision, current: i64) -> AnyView {
    let restore = (revision.revision != current).then(|| restore(id, revision.revision));
    let changes = revision.changes.iter().map(|change| {
        let (from, to) = (words(&change.from), words(&change.to));
        view! { <p class="hint">{label(&change.path)} ": " {from} " → " {to}</p> }
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

/// The button that restores a revision, after a confirmation.
fn restore(id: &str, revision: i64) -> AnyView {
    let number = revision.to_string();
    let form = Form::of::<RestoreBehavior>("restore", &[]).for_item("revision", &number);
    let label = format!("Restore revision {revision}");
    let id = id.to_owned();
    view! {
        <Dialog
            id=format!("restore-{revision}")
            button="Restore"
            class="quiet small"
            label=label.clone()
            title=format!("{label}?")
            open=form.has_failed()
        >
            <p>
                "The settings of this revision replace the current ones with the next answer. The current ones stay in this list. \
                 An MCP server that was removed since comes back without the values of its headers."
            </p>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="revision" value=number/>
                <Submit label busy="Restoring…"/>
            </PostForm>
        </Dialog>
    }
    .into_any()
}

/// What the page calls a setting. Headers of MCP servers have the name of their server in the path.
fn label(path: &str) -> String {
    let label = match path {
        "instructions" => "Instructions",
        "greeting" => "Greeting",
        "language" => "Language",
        "timeZone" => "Time zone",
        "access.mode" => "Who may talk to it",
        "access.groups" => "In groups",
        "tools.webSearch" => "Search the web",
        "tools.readPages" => "Read web pages",
        "tools.reminders" => "Set reminders",
        "tools.memory" => "Use memory",
        "mcpServers" => "MCP servers",
        "allowance.perDayUsd" => "Allowance per day",
        "allowance.perMonthUsd" => "Allowance per month",
        _ => return path.to_owned(),
    };
    label.to_owned()
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
