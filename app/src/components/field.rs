//! Labeled inputs that show what is wrong with them and keep what was typed.

use leptos::prelude::*;

use crate::components::form::{FieldIssue, Form};

/// A line of text with its label, hint and issue.
#[component]
pub fn TextField(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    /// The API's names of the field.
    path: &'static [&'static str],
    label: &'static str,
    /// The type of the `<input>`.
    #[prop(default = "text")]
    kind: &'static str,
    /// The initial value; empty for secrets.
    #[prop(optional, into)]
    value: String,
    #[prop(optional)] hint: &'static str,
    /// What the browser may fill in. Secrets other than the account's password have `new-password`, because password managers fill
    /// the account's password into every other field of the type `password`.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Whether the field may be left empty.
    #[prop(optional)]
    optional: bool,
    /// The rule of `browser::validation` that the browser validates the field with.
    #[prop(optional)]
    check: Option<&'static str>,
    /// The keyboard that a phone shows.
    #[prop(optional)]
    inputmode: Option<&'static str>,
    /// Content below the field.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let id = form.id(name);
    let (hint_id, issue_id) = (format!("{id}-hint"), format!("{id}-issue"));
    let is_wrong = form.issue(path).is_some();
    view! {
        <div class="field">
            <label for=id.clone()>
                {label} {optional.then(|| view! { <span class="optional">" (optional)"</span> })}
            </label>
            <input
                id=id
                name=name
                type=kind
                value=form.typed_value(name).unwrap_or(value)
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required=!optional
                inputmode=inputmode
                data-check=check
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=format!("{hint_id} {issue_id}")
            />
            <p class="hint" id=hint_id>{hint}</p>
            <FieldIssue form id=issue_id path/>
            {children.map(|children| children())}
        </div>
    }
}

/// A text of several lines with its label, hint and issue. It may be left empty.
#[component]
pub fn TextArea(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    /// The API's names of the field.
    path: &'static [&'static str],
    label: &'static str,
    /// The initial value.
    #[prop(into)]
    value: String,
    /// The height in lines.
    rows: u32,
    hint: &'static str,
) -> impl IntoView {
    let id = form.id(name);
    let (hint_id, issue_id) = (format!("{id}-hint"), format!("{id}-issue"));
    let is_wrong = form.issue(path).is_some();
    view! {
        <div class="field">
            <label for=id.clone()>{label} <span class="optional">" (optional)"</span></label>
            <textarea
                id=id
                name=name
                rows=rows.to_string()
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=format!("{hint_id} {issue_id}")
            >
                // The parser of HTML drops a line break at the beginning.
                {format!("\n{}", form.typed_value(name).unwrap_or(value))}
            </textarea>
            <p class="hint" id=hint_id>{hint}</p>
            <FieldIssue form id=issue_id path/>
        </div>
    }
}

/// A field for the current password of the account.
#[component]
pub fn PasswordField(form: Form, #[prop(optional)] hint: &'static str) -> impl IntoView {
    view! {
        <TextField
            form
            name="password"
            path=&["password"]
            label="Password"
            kind="password"
            hint
            autocomplete="current-password"
        />
    }
}

/// A field for a new password of the account.
#[component]
pub fn NewPasswordField(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    /// The service's names of the field.
    #[prop(default = &["password"])]
    path: &'static [&'static str],
    #[prop(default = "New password")] label: &'static str,
) -> impl IntoView {
    view! {
        <TextField
            form
            name
            path
            label
            kind="password"
            autocomplete="new-password"
            check="password"
            hint="At least 10 characters. A short phrase works well."
        />
    }
}

/// A field for the account's password, unless the session has verified it within the last minutes.
///
/// If those minutes end before the form is sent, a script adds the field: `browser::password_field` finds its place and its hint
/// here.
#[component]
pub fn ConfirmPassword(
    form: Form,
    /// Whether the session has verified the password.
    verified: bool,
    /// Why the password is needed, as a sentence.
    reason: &'static str,
    /// Suffix of the field's id where the page has several forms of the same name.
    #[prop(optional, into)]
    about: String,
) -> impl IntoView {
    let is_wrong = form.issue(&["password"]).is_some();
    // A refused password needs its field, which says what is wrong.
    if verified && !is_wrong {
        return view! { <div hidden data-password-reason=reason></div> }.into_any();
    }
    let id = form.id(&format!("password{about}"));
    let (hint_id, issue_id) = (format!("{id}-hint"), format!("{id}-issue"));
    view! {
        <div class="field">
            <label for=id.clone()>"Your password"</label>
            <input
                id=id
                name="password"
                type="password"
                autocomplete="current-password"
                required
                aria-invalid=is_wrong.then_some("true")
                aria-describedby=format!("{hint_id} {issue_id}")
            />
            <p class="hint" id=hint_id>{reason}</p>
            <FieldIssue form id=issue_id path=&["password"]/>
        </div>
    }
    .into_any()
}

/// An option of [`RadioGroup`].
pub struct RadioOption {
    /// The value in the form.
    pub value: &'static str,
    pub label: String,
    /// A sentence below the label.
    pub description: String,
}

/// Radio buttons, with a sentence for each.
#[component]
pub fn RadioGroup(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    /// The API's names of the field.
    path: &'static [&'static str],
    label: &'static str,
    options: Vec<RadioOption>,
    /// The value that is chosen initially.
    #[prop(optional)]
    chosen: Option<&'static str>,
) -> impl IntoView {
    let typed = form.typed_value(name).or_else(|| chosen.map(str::to_owned));
    let issue_id = format!("{}-issue", form.id(name));
    let described_by = issue_id.clone();
    let choice = |option: RadioOption| {
        let id = form.id(option.value);
        let meaning_id = format!("{id}-meaning");
        view! {
            <div class="choice">
                <input
                    type="radio"
                    id=id.clone()
                    name=name
                    value=option.value
                    required
                    checked=typed.as_deref() == Some(option.value)
                    aria-describedby=meaning_id.clone()
                />
                <div>
                    <label for=id>{option.label}</label>
                    <p class="hint" id=meaning_id>{option.description}</p>
                </div>
            </div>
        }
    };
    view! {
        <fieldset class="field choices" aria-describedby=described_by>
            <legend>{label}</legend>
            {options.into_iter().map(choice).collect_view()}
            <FieldIssue form id=issue_id path/>
        </fieldset>
    }
}

#[component]
pub fn Checkbox(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    /// The value in the form when the box is checked.
    #[prop(default = "true".to_owned(), into)]
    value: String,
    #[prop(into)] label: String,
    /// Whether the box is checked initially.
    #[prop(optional)]
    checked: bool,
    /// Further content of the label.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let id = form.id(&format!("{name}-{value}"));
    let is_checked = form.typed_value(name).map_or(checked, |typed| typed.split(' ').any(|one| one == value));
    view! {
        <div class="choice">
            <input type="checkbox" id=id.clone() name=name value=value checked=is_checked/>
            <label for=id>{label} {children.map(|children| children())}</label>
        </div>
    }
}

/// A list to choose a value from.
#[component]
pub fn SelectField(
    form: Form,
    /// The field's name in the form.
    name: &'static str,
    label: &'static str,
    /// Pairs of a value and its label.
    options: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let id = form.id(name);
    let typed = form.typed_value(name);
    let option = |&(value, label): &(&'static str, &'static str)| {
        view! { <option value=value selected=typed.as_deref() == Some(value)>{label}</option> }
    };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id name=name>{options.iter().map(option).collect_view()}</select>
        </div>
    }
}
