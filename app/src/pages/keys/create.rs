//! The form for a new key.

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::wire::AssistantRecord;

use crate::components::field::{Checkbox, ConfirmPassword, RadioGroup, RadioOption, SelectField, TextField};
use crate::components::form::{FieldIssue, Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::Day;
use crate::functions::keys::{CreateKey, SELECTED};
use crate::labels;

/// The values of the field "Expiration": days, and what customers read.
const EXPIRATIONS: [(&str, &str); 5] =
    [("0", "Never"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "1 year")];

/// Name, permissions, access and expiration. `token` makes a form that is sent twice create one key.
pub(super) fn section(
    assistants: &[Arc<AssistantRecord>],
    token: String,
    password_verified: bool,
) -> AnyView {
    let form = Form::of::<CreateKey>("key", &["name", "scopes", "expiresIn", "assistants", "password"]);
    let scopes_issue = form.id("scopes-issue");
    let described_by = scopes_issue.clone();
    let access = access(form, assistants);
    view! {
        <section class="card" aria-labelledby="new-key">
            <h2 id="new-key">"New key"</h2>
            <PostForm form>
                <FormErrorMessage form/>
                <input type="hidden" name="token" value=token/>
                <TextField
                    form
                    name="name"
                    path=&["name"]
                    label="Name"
                    check="name"
                    hint="For example “Production backend”."
                />
                <fieldset class="field" aria-describedby=described_by>
                    <legend>"Permissions"</legend>
                    <Checkbox form name="read" label="Read: view assistants and deliveries" checked=true/>
                    <Checkbox form name="write" label="Write: buy, edit, stop and delete" checked=true/>
                    <FieldIssue form id=scopes_issue path=&["scopes"]/>
                </fieldset>
                {access}
                <SelectField form name="expires_days" label="Expiration" options=&EXPIRATIONS/>
                <ConfirmPassword form verified=password_verified reason="For your security, confirm your password to create a key."/>
                <Submit label="Create key" busy="Creating…"/>
            </PostForm>
        </section>
    }
    .into_any()
}

/// All assistants, or those that are checked; `None` where there are none to choose from.
fn access(form: Form, assistants: &[Arc<AssistantRecord>]) -> Option<AnyView> {
    if assistants.is_empty() {
        return None;
    }
    let choice = |value, label: &str, description: &str| RadioOption {
        value,
        label: label.to_owned(),
        description: description.to_owned(),
    };
    let options = vec![
        choice("all", "All assistants", "Current and future."),
        choice(
            SELECTED,
            "Selected assistants",
            "Up to 20. The key can’t see other assistants or buy new ones.",
        ),
    ];
    let tick = |assistant: &Arc<AssistantRecord>| {
        let (id, ordered) = (assistant.id.clone(), assistant.created_at);
        // Assistants can have the same name.
        let label = format!("{} ({}, created ", assistant.name, labels::status_in_sentence(assistant.status));
        view! { <Checkbox form name="assistants[]" value=id label><Day at=ordered/> ")"</Checkbox> }
    };
    let issue_id = form.id("assistants-issue");
    let described_by = issue_id.clone();
    let view = view! {
        <div class="key-access">
            <RadioGroup form name="reach" path=&["reach"] label="Access" options chosen="all"/>
            <fieldset class="field key-assistants" aria-describedby=described_by>
                <legend>"Assistants"</legend>
                <div class="checkboxes">{assistants.iter().map(tick).collect_view()}</div>
                <FieldIssue form id=issue_id path=&["assistants"]/>
            </fieldset>
        </div>
    };
    Some(view.into_any())
}
