//! Forms, and the error of their last attempt.
//!
//! Each is a plain HTML form that posts to its server function and is redirected. An error reaches the form's page as a flash
//! (`crate::flash`). With scripts, `browser::forms` posts in the background instead and writes errors to the same places, so that
//! nothing typed is lost.

use leptos::prelude::*;
use leptos_router::location::Url;
use reef_domain::Issue;
use server_fn::ServerFn;

use crate::error::AppError;
use crate::flash::{self, Message};
use crate::request::request_path;

/// The state of one form of a page.
#[derive(Clone, Copy)]
pub struct Form {
    /// Prefix of its elements' ids, unique within the page.
    name: &'static str,
    /// The API's names of its fields. Issues with any other field are shown above them.
    fields: &'static [&'static str],
    path: &'static str,
    error: StoredValue<Option<AppError>>,
}

impl Form {
    /// A form that posts to the server function `S`; `fields` are the API's names of its fields.
    pub fn of<S: ServerFn<Error = AppError>>(name: &'static str, fields: &'static [&'static str]) -> Self {
        let path = S::PATH;
        let error = flash::message().and_then(|message| match &*message {
            Message::FormError { path: failed, error } if failed == path => Some(error.clone()),
            _ => None,
        });
        Self { name, fields, path, error: StoredValue::new(error) }
    }

    /// The same form for one of several things on the page: an error belongs to the form whose hidden `field` has this `value`.
    pub fn for_item(self, field: &str, value: &str) -> Self {
        if self.typed_value(field).is_some_and(|failed| failed != value) {
            // A value that was disposed of with its page needs no change.
            let _ = self.error.try_set_value(None);
        }
        self
    }

    /// The same form with the action of another one: for a form with two buttons, whose second button failed.
    pub fn with_action_of(self, other: Self) -> Self {
        Self { path: other.path, ..self }
    }

    /// The id of the form's element `of`.
    pub fn id(&self, of: &str) -> String {
        format!("{}-{of}", self.name)
    }

    /// Whether the last attempt failed.
    pub fn has_failed(&self) -> bool {
        self.with_error(|_| Some(())).is_some()
    }

    /// What was typed into a field when the last attempt failed; `None` for secrets, which are never given back.
    pub fn typed_value(&self, field: &str) -> Option<String> {
        self.with_error(|error| {
            let (_, value) = error.values.iter().find(|(name, _)| name == field)?;
            Some(value.clone())
        })
    }

    /// What is wrong with a field that the API knows under any of these names.
    pub fn issue(&self, paths: &[&str]) -> Option<String> {
        self.with_error(|error| {
            let issues = error.issues.iter().filter(|issue| paths.contains(&&*issue.path));
            let messages: Vec<&str> = issues.map(|issue| &*issue.message).collect();
            (!messages.is_empty()).then(|| messages.join(" "))
        })
    }

    /// Reads from the error, if there is one. A page that is left while it is being rendered has lost it.
    fn with_error<T>(&self, read: impl FnOnce(&AppError) -> Option<T>) -> Option<T> {
        self.error.try_with_value(|error| error.as_ref().and_then(read)).flatten()
    }
}

/// The `<form>` of a [`Form`].
#[component]
pub fn PostForm(form: Form, #[prop(optional)] class: &'static str, children: Children) -> impl IntoView {
    view! { <form method="post" action=form.path class=class data-form="">{children()}</form> }
}

/// Says above a form why it failed. It is always in the page, because screen readers read out only what changes in an element that
/// they know.
#[component]
pub fn FormErrorMessage(form: Form) -> impl IntoView {
    let here = request_path();
    let shown = form.with_error(|error| Some(error.clone())).map(|error| {
        let elsewhere = |issue: &Issue| !form.fields.contains(&&*issue.path);
        let others: Vec<Issue> = error.issues.into_iter().filter(elsewhere).collect();
        let to_sign_in = error.is_signed_out.then(|| format!("/signin?next={}", Url::escape(&here)));
        view! {
            <p>{error.message}</p>
            {others.into_iter().map(|issue| view! { <p>{issue.message}</p> }).collect_view()}
            {to_sign_in.map(|to| view! { <p><a href=to>"Sign in"</a></p> })}
        }
    });
    // Without scripts the page is loaded again and begins at its top. The focus brings the reader here.
    let has_error = shown.is_some();
    view! {
        <div role="alert" class="problem" data-problem="" tabindex=has_error.then_some("-1") autofocus=has_error>
            {shown}
        </div>
    }
}

/// What is wrong with a field; empty while nothing is.
#[component]
pub fn FieldIssue(
    form: Form,
    /// The id, which the field names in `aria-describedby`.
    #[prop(into)]
    id: String,
    /// The API's names of the field.
    path: &'static [&'static str],
) -> impl IntoView {
    view! { <p class="issue" id=id data-issue=path.join(" ")>{form.issue(path)}</p> }
}

/// The button that sends a form. It is disabled while the form is sent.
#[component]
pub fn Submit(
    #[prop(into)] label: String,
    /// The label while the form is sent.
    busy: &'static str,
    /// The style: `quiet`, `danger`, `small`.
    #[prop(optional)]
    class: &'static str,
    /// The label for screen readers, where `label` is clear only in its visual context.
    #[prop(optional, into)]
    aria_label: Option<String>,
) -> impl IntoView {
    view! { <button type="submit" class=class data-busy=busy aria-label=aria_label>{label}</button> }
}
