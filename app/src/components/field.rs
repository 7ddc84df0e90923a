//! Labelled inputs that show what is wrong with them and keep what was typed.

use leptos::prelude::*;

use crate::components::drawn::changing;
use crate::components::form::Form;

/// One line of text.
#[component]
pub fn TextField(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form.
    name: &'static str,
    /// What the API calls it.
    path: &'static [&'static str],
    /// What people call it.
    label: &'static str,
    /// Its input type.
    #[prop(default = "text")]
    kind: &'static str,
    /// What is in it at first; a secret has nothing.
    #[prop(optional, into)]
    value: String,
    /// One sentence of help.
    #[prop(optional)]
    hint: &'static str,
    /// What the browser may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Whether it may be left empty.
    #[prop(optional)]
    optional: bool,
) -> impl IntoView {
    let id = form.id(name);
    let (hint_id, issue_id) = (format!("{id}-hint"), format!("{id}-issue"));
    let issue = form.issue(path);
    let value = form.kept(name).unwrap_or(value);
    view! {
        <div class="field">
            <label for=id.clone()>
                {label} {optional.then(|| view! { <span class="optional">" (optional)"</span> })}
            </label>
            <input
                id=id
                name=name
                type=kind
                value=value
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required=!optional
                aria-invalid=move || issue.get().map(|_| "true")
                aria-describedby=format!("{hint_id} {issue_id}")
            />
            <p class="hint" id=hint_id>{hint}</p>
            <p class="issue" id=issue_id>{changing(move || issue.get().into_any())}</p>
        </div>
    }
    .into_any()
}

/// One of a few; `options` are value, label and what it means.
#[component]
pub fn Choices(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form.
    name: &'static str,
    /// What the API calls it.
    path: &'static [&'static str],
    /// The question.
    label: &'static str,
    /// The answers.
    options: &'static [(&'static str, &'static str, &'static str)],
) -> impl IntoView {
    let issue = form.issue(path);
    let kept = form.kept(name);
    let issue_id = format!("{}-issue", form.id(name));
    let choice = |&(value, label, meaning): &(&'static str, &'static str, &'static str)| {
        let id = form.id(value);
        let meaning_id = format!("{id}-meaning");
        view! {
            <div class="choice">
                <input
                    type="radio"
                    id=id.clone()
                    name=name
                    value=value
                    required
                    checked=kept.as_deref() == Some(value)
                    aria-describedby=meaning_id.clone()
                />
                <div>
                    <label for=id>{label}</label>
                    <p class="hint" id=meaning_id>{meaning}</p>
                </div>
            </div>
        }
        .into_any()
    };
    view! {
        <fieldset class="field" aria-describedby=issue_id.clone()>
            <legend>{label}</legend>
            {options.iter().map(choice).collect_view()}
            <p class="issue" id=issue_id.clone()>{changing(move || issue.get().into_any())}</p>
        </fieldset>
    }
    .into_any()
}

/// A box to tick.
#[component]
pub fn Tick(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form; its value is `true`.
    name: &'static str,
    /// What people call it.
    label: &'static str,
) -> impl IntoView {
    let id = form.id(name);
    let ticked = form.kept(name).is_none_or(|kept| kept == "true");
    view! {
        <div class="choice">
            <input type="checkbox" id=id.clone() name=name value="true" checked=ticked/>
            <label for=id>{label}</label>
        </div>
    }
    .into_any()
}
