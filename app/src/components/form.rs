//! What a form knows about its last try: the same with and without JavaScript.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_domain::{ErrorCode, Issue};
use server_fn::ServerFn;

use crate::error::AppError;

/// The state of one form of a page.
#[derive(Clone, Copy)]
pub struct Form {
    /// Tells its fields from those of the page's other forms.
    name: &'static str,
    /// What the API calls its fields: issues with anything else are shown above them.
    fields: &'static [&'static str],
    error: Signal<Option<AppError>>,
    pending: Signal<bool>,
}

/// A form whose answer a script takes without leaving the page. Give its action to `ActionForm`.
pub fn action_form<S>(name: &'static str, fields: &'static [&'static str]) -> (ServerAction<S>, Form)
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let action = ServerAction::<S>::new();
    // Leptos keeps the error of the address that the site was entered with for every later page too.
    let is_this_pages = use_query_map().with_untracked(|query| query.get_str("__path") == Some(S::PATH));
    if !is_this_pages {
        action.clear();
    }
    let value = action.value();
    let error = Signal::derive(move || {
        value.with(|value| value.as_ref().and_then(|answer| answer.as_ref().err().cloned()))
    });
    (action, Form { name, fields, error, pending: action.pending().into() })
}

/// A form that always leaves the page: for sessions, where everything shown before is worth nothing, and for checkouts,
/// which are elsewhere. Gives the handler for its `submit`.
pub fn leaving_form<S>(
    name: &'static str,
    fields: &'static [&'static str],
) -> (Form, impl Fn(SubmitEvent) + Clone + use<S>)
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let (_, form) = action_form::<S>(name, fields);
    let leaving = RwSignal::new(false);
    // A page that comes back from the browser's memory can be submitted again.
    Effect::new(move || {
        let shown = window_event_listener_untyped("pageshow", move |_| leaving.set(false));
        on_cleanup(move || shown.remove());
    });
    (Form { pending: leaving.into(), ..form }, move |_| leaving.set(true))
}

/// How often an action has succeeded, as far as that matters: it changes with each success.
pub fn successes<S>(action: ServerAction<S>) -> Memo<usize>
where
    S: ServerFn<Error = AppError> + Clone + Send + Sync + 'static,
    S::Output: Clone + Send + Sync + 'static,
{
    let (version, value) = (action.version(), action.value());
    Memo::new(move |before: Option<&usize>| {
        let now = version.get();
        if value.with(|value| matches!(value, Some(Ok(_)))) {
            now
        } else {
            before.copied().unwrap_or_default()
        }
    })
}

impl Form {
    /// The id of one of its elements.
    pub fn id(&self, of: &str) -> String {
        format!("{}-{of}", self.name)
    }

    /// Whether it is under way.
    pub const fn pending(&self) -> Signal<bool> {
        self.pending
    }

    /// Whether the page was drawn with an error of it.
    pub fn has_failed(&self) -> bool {
        self.error.with_untracked(Option::is_some)
    }

    /// What was typed into a field before the page was drawn again; nothing when it was not.
    pub fn kept(&self, field: &str) -> Option<String> {
        self.error.with_untracked(|error| {
            let (_, value) = error.as_ref()?.values.iter().find(|(name, _)| name == field)?;
            Some(value.clone())
        })
    }

    /// What is wrong with a field, under any of the names that the API has for it.
    pub fn issue(&self, paths: &'static [&'static str]) -> Memo<Option<String>> {
        let error = self.error;
        Memo::new(move |_| {
            error.with(|error| {
                let issues: Vec<_> = error
                    .iter()
                    .flat_map(|error| &error.issues)
                    .filter(|issue| paths.contains(&&*issue.path))
                    .collect();
                (!issues.is_empty())
                    .then(|| issues.iter().map(|issue| &*issue.message).collect::<Vec<_>>().join(" "))
            })
        })
    }
}

/// Says above a form why it was not accepted. Always there, so that it is read out when it fills.
#[component]
pub fn Problem(form: Form) -> impl IntoView {
    let Form { error, fields, .. } = form;
    let shown = move || {
        error.get().map(|error| {
            let elsewhere = |issue: &Issue| !fields.contains(&&*issue.path);
            let others: Vec<Issue> = error.issues.into_iter().filter(elsewhere).collect();
            let signed_out = error.code == ErrorCode::Unauthorized && !fields.contains(&"password");
            view! {
                <div class="problem">
                    <p>{error.message}</p>
                    {others.into_iter().map(|issue| view! { <p>{issue.message}</p> }).collect_view()}
                    {signed_out.then(|| view! { <p><a href="/signin">"Sign in"</a></p> })}
                </div>
            }
        })
    };
    view! { <div role="alert">{shown}</div> }
}

/// The button that sends a form; it cannot be pressed twice.
#[component]
pub fn Submit(
    /// The form.
    form: Form,
    /// What it says.
    label: &'static str,
    /// What it says while the form is under way.
    busy: &'static str,
    /// Whether it destroys something.
    #[prop(optional)]
    danger: bool,
) -> impl IntoView {
    let pending = form.pending();
    view! {
        <button type="submit" class:danger=danger disabled=move || pending.get()>
            {move || if pending.get() { busy } else { label }}
        </button>
    }
}
