//! A form for a new key.

use leptos::prelude::*;
use reef_domain::wire::AssistantRecord;

use crate::components::field::{Choice, Choices, PasswordAgain, SelectField, TextField, Tick};
use crate::components::form::{FieldIssue, Form, PostForm, Problem, Submit};
use crate::components::small::Day;
use crate::functions::keys::{CHOSEN, CreateKey};
use crate::text;

/// Lives a key can be given: days and words.
const LIVES: [(&str, &str); 5] = [
    ("0", "never"),
    ("7", "after 7 days"),
    ("30", "after 30 days"),
    ("90", "after 90 days"),
    ("365", "after a year"),
];

/// Name, scopes, reach and life; `token` makes it one key, however often the form is sent.
pub(super) fn section(assistants: &[AssistantRecord], token: String, given: bool) -> AnyView {
    let form = Form::of::<CreateKey>("key", &["name", "scopes", "expiresIn", "assistants", "password"]);
    let scopes_issue = form.id("scopes-issue");
    let described_by = scopes_issue.clone();
    let reach = reach(form, assistants);
    view! {
        <section class="card" aria-labelledby="new-key">
            <h2 id="new-key">"New key"</h2>
            <PostForm form>
                <Problem form/>
                <input type="hidden" name="token" value=token/>
                <TextField
                    form
                    name="name"
                    path=&["name"]
                    label="Name"
                    check="name"
                    hint="The program that will use it."
                />
                <fieldset class="field" aria-describedby=described_by>
                    <legend>"It may"</legend>
                    <Tick form name="read" label="read: look at assistants and their callbacks" ticked=true/>
                    <Tick form name="write" label="write: buy, change, stop and delete them" ticked=true/>
                    <FieldIssue form id=scopes_issue path=&["scopes"]/>
                </fieldset>
                {reach}
                <SelectField form name="expires_days" label="It expires" options=&LIVES/>
                <PasswordAgain form given/>
                <Submit label="Create key" busy="Creating…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

/// All assistants, or those that are ticked; nothing to choose where there are none.
fn reach(form: Form, assistants: &[AssistantRecord]) -> Option<AnyView> {
    if assistants.is_empty() {
        return None;
    }
    let choice = |value, label: &str, meaning: &str| Choice {
        value,
        label: label.to_owned(),
        meaning: meaning.to_owned(),
    };
    let options = vec![
        choice("all", "All assistants", "Also those that come later."),
        choice(CHOSEN, "Only chosen ones", "It sees nothing of the others and buys no new ones. At most 20."),
    ];
    let tick = |assistant: &AssistantRecord| {
        let (id, ordered) = (assistant.id.clone(), assistant.created_at);
        // Names need not differ.
        let label = format!("{} ({}, ordered on ", assistant.name, text::status(assistant.status));
        view! { <Tick form name="assistants[]" value=id label><Day at=ordered/> ")"</Tick> }
    };
    let issue_id = form.id("assistants-issue");
    let described_by = issue_id.clone();
    let view = view! {
        <div class="reach">
            <Choices form name="reach" path=&["reach"] label="It reaches" options chosen="all"/>
            <fieldset class="field which" aria-describedby=described_by>
                <legend>"Which ones"</legend>
                <div class="ticks">{assistants.iter().map(tick).collect_view()}</div>
                <FieldIssue form id=issue_id path=&["assistants"]/>
            </fieldset>
        </div>
    };
    Some(view.into_any())
}
