//! What a form knows about its last try.
//!
//! A form is a plain form that posts to its server function and is redirected; an error comes back in the address of
//! the page that it was on. With scripts, `browser::forms` posts in the background instead and writes errors to the
//! very same places, so that nothing that was typed is lost.

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};
use leptos_router::location::Url;
use reef_domain::Issue;
use server_fn::ServerFn;
use server_fn::error::ServerFnUrlError;

use crate::error::AppError;
use crate::form_address::{ERROR, PATH};

/// The state of one form of a page.
#[derive(Clone, Copy)]
pub struct Form {
    /// Tells its fields from those of the page's other forms.
    name: &'static str,
    /// What the API calls its fields: issues with anything else are shown above them.
    fields: &'static [&'static str],
    /// The server function's path.
    path: &'static str,
    error: StoredValue<Option<AppError>>,
}

impl Form {
    /// A form for a server function.
    pub fn of<S: ServerFn<Error = AppError>>(name: &'static str, fields: &'static [&'static str]) -> Self {
        let path = S::PATH;
        // Without JavaScript the error of the last try is in the address.
        let error = use_query_map().with_untracked(|query| {
            let is_ours = query.get_str(PATH) == Some(path);
            query.get_str(ERROR).filter(|_| is_ours).map(ServerFnUrlError::<AppError>::decode_err)
        });
        Self { name, fields, path, error: StoredValue::new(error) }
    }

    /// One of a page's forms for the same server function, of those the one whose hidden `field` says `value`: what the
    /// others were refused is not its own.
    pub fn about(self, field: &str, value: &str) -> Self {
        if self.kept(field).is_some_and(|failed| failed != value) {
            self.error.set_value(None);
        }
        self
    }

    /// The same with where another one leads: for a form with two buttons, of which the second was refused.
    pub fn leading_to(self, other: Self) -> Self {
        Self { path: other.path, ..self }
    }

    /// The id of one of its elements.
    pub fn id(&self, of: &str) -> String {
        format!("{}-{of}", self.name)
    }

    /// Whether its last try failed.
    pub fn has_failed(&self) -> bool {
        self.error.with_value(Option::is_some)
    }

    /// What was typed into a field when the last try failed.
    pub fn kept(&self, field: &str) -> Option<String> {
        self.error.with_value(|error| {
            let (_, value) = error.as_ref()?.values.iter().find(|(name, _)| name == field)?;
            Some(value.clone())
        })
    }

    /// What is wrong with a field, under any of the names that the API has for it.
    pub fn issue(&self, paths: &[&str]) -> Option<String> {
        self.error.with_value(|error| {
            let issues = error.iter().flat_map(|error| &error.issues);
            let messages: Vec<&str> =
                issues.filter(|issue| paths.contains(&&*issue.path)).map(|issue| &*issue.message).collect();
            (!messages.is_empty()).then(|| messages.join(" "))
        })
    }
}

/// The form element.
#[component]
pub fn PostForm(
    form: Form,
    /// A class of its own.
    #[prop(optional)]
    class: &'static str,
    children: Children,
) -> impl IntoView {
    view! { <form method="post" action=form.path class=class data-form="">{children()}</form> }
}

/// Says above a form why it was not accepted. Always there, so that it is read out when it fills.
#[component]
pub fn Problem(form: Form) -> impl IntoView {
    let here = use_location().pathname.get_untracked();
    let shown = form.error.get_value().map(|error| {
        let elsewhere = |issue: &Issue| !form.fields.contains(&&*issue.path);
        let others: Vec<Issue> = error.issues.into_iter().filter(elsewhere).collect();
        let to_sign_in = error.is_signed_out.then(|| format!("/signin?next={}", Url::escape(&here)));
        view! {
            <p>{error.message}</p>
            {others.into_iter().map(|issue| view! { <p>{issue.message}</p> }).collect_view()}
            {to_sign_in.map(|to| view! { <p><a href=to>"Sign in"</a></p> })}
        }
    });
    // Without scripts the page comes back at its top: this brings the reader here, and says it.
    let is_told = shown.is_some();
    view! {
        <div role="alert" class="problem" data-problem="" tabindex=is_told.then_some("-1") autofocus=is_told>
            {shown}
        </div>
    }
}

/// What is wrong with a field: empty while nothing is.
#[component]
pub fn FieldIssue(
    form: Form,
    /// Its id, which the field names in `aria-describedby`.
    #[prop(into)]
    id: String,
    /// What the API calls the field.
    path: &'static [&'static str],
) -> impl IntoView {
    view! { <p class="issue" id=id data-issue=path.join(" ")>{form.issue(path)}</p> }
}

/// The button that sends a form; it cannot be pressed twice.
#[component]
pub fn Submit(
    /// What it says.
    #[prop(into)]
    label: String,
    /// What it says while the form is under way.
    busy: &'static str,
    /// Its style: `quiet`, `danger`, `small`.
    #[prop(optional)]
    class: &'static str,
    /// What it says to those who do not see what it stands beside.
    #[prop(optional, into)]
    spoken: Option<String>,
) -> impl IntoView {
    view! { <button type="submit" class=class data-busy=busy aria-label=spoken>{label}</button> }
}
