//! Labelled inputs that show what is wrong with them and keep what was typed.

use leptos::prelude::*;

use crate::components::form::{FieldIssue, Form};

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
    /// What the browser may fill in. A secret that is not the account's password says `new-password`: into any other
    /// field of the kind, password managers put that one.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Whether it may be left empty.
    #[prop(optional)]
    optional: bool,
    /// The rule that the browser checks it with, of those in `browser::checks`.
    #[prop(optional)]
    check: Option<&'static str>,
    /// Which keyboard a phone shows.
    #[prop(optional)]
    inputmode: Option<&'static str>,
    /// What else is said of it, below.
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
                value=form.kept(name).unwrap_or(value)
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

/// A password that an account is to have from now on.
#[component]
pub fn NewPasswordField(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form.
    name: &'static str,
    /// What the service calls it.
    #[prop(default = &["password"])]
    path: &'static [&'static str],
    /// What people call it.
    #[prop(default = "New password")]
    label: &'static str,
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
            hint="10 characters or more; a few words are easier to remember."
        />
    }
}

/// The account's password, where it was not given a short while ago.
#[component]
pub fn PasswordAgain(
    /// The form it belongs to.
    form: Form,
    /// Whether it was given.
    given: bool,
    /// What distinguishes its field from that of a form of the same name on the page.
    #[prop(optional, into)]
    about: String,
) -> impl IntoView {
    let is_wrong = form.issue(&["password"]).is_some();
    // One that was given and is wrong has to be seen to be so.
    if given && !is_wrong {
        return ().into_any();
    }
    let id = form.id(&format!("password{about}"));
    let issue_id = format!("{id}-issue");
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
                aria-describedby=issue_id.clone()
            />
            <FieldIssue form id=issue_id path=&["password"]/>
        </div>
    }
    .into_any()
}

/// One answer of [`Choices`].
pub struct Choice {
    /// Its value in the form.
    pub value: &'static str,
    /// What it says.
    pub label: String,
    /// What it means.
    pub meaning: String,
}

/// One of a few.
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
    options: Vec<Choice>,
    /// Which one is chosen at first.
    #[prop(optional)]
    chosen: Option<&'static str>,
) -> impl IntoView {
    let kept = form.kept(name).or_else(|| chosen.map(str::to_owned));
    let issue_id = format!("{}-issue", form.id(name));
    let described_by = issue_id.clone();
    let choice = |option: Choice| {
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
                    checked=kept.as_deref() == Some(option.value)
                    aria-describedby=meaning_id.clone()
                />
                <div>
                    <label for=id>{option.label}</label>
                    <p class="hint" id=meaning_id>{option.meaning}</p>
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

/// A box to tick.
#[component]
pub fn Tick(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form.
    name: &'static str,
    /// Its value when it is ticked.
    #[prop(default = "true".to_owned(), into)]
    value: String,
    /// What people call it.
    #[prop(into)]
    label: String,
    /// Whether it is ticked at first.
    #[prop(optional)]
    ticked: bool,
    /// What else its label says.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let id = form.id(&format!("{name}-{value}"));
    let ticked = form.kept(name).map_or(ticked, |kept| kept.split(' ').any(|one| one == value));
    view! {
        <div class="choice">
            <input type="checkbox" id=id.clone() name=name value=value checked=ticked/>
            <label for=id>{label} {children.map(|children| children())}</label>
        </div>
    }
}

/// A list to choose one value from.
#[component]
pub fn SelectField(
    /// The form it belongs to.
    form: Form,
    /// Its name in the form.
    name: &'static str,
    /// What people call it.
    label: &'static str,
    /// Values and words.
    options: &'static [(&'static str, &'static str)],
) -> impl IntoView {
    let id = form.id(name);
    let kept = form.kept(name);
    let option = |&(value, words): &(&'static str, &'static str)| {
        view! { <option value=value selected=kept.as_deref() == Some(value)>{words}</option> }
    };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <select id=id name=name>{options.iter().map(option).collect_view()}</select>
        </div>
    }
}
