//! What a form knows about its last try: the same with and without JavaScript.
//!
//! A form is a plain form that posts to its server function and is redirected. With scripts, one handler for all of them
//! posts in the background instead, so that an error loses nothing that was typed. (Leptos' `ActionForm` does the same
//! with code of its own for every form, which made a tenth of the download.)

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_domain::{ErrorCode, Issue};
use serde::de::DeserializeOwned;
use server_fn::ServerFn;
use server_fn::error::ServerFnUrlError;

use super::drawn::changing;
use super::post;
use crate::error::AppError;

/// The state of one form of a page.
#[derive(Clone, Copy)]
pub struct Form {
    /// Tells its fields from those of the page's other forms.
    name: &'static str,
    /// What the API calls its fields: issues with anything else are shown above them.
    fields: &'static [&'static str],
    /// The server function's path.
    pub(super) path: &'static str,
    /// Whether success leads out of these pages: to a checkout, or to another session, where nothing shown before counts.
    #[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "only a script asks"))]
    pub(super) leaves: bool,
    pub(super) error: RwSignal<Option<AppError>>,
    pub(super) pending: RwSignal<bool>,
    /// What the server function gave, as JSON.
    pub(super) answer: RwSignal<Option<String>>,
    /// How often it has succeeded.
    pub(super) successes: RwSignal<usize>,
}

impl Form {
    /// A form for a server function, after whose success a script stays among these pages.
    pub fn of<S: ServerFn<Error = AppError>>(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self::new(S::PATH, name, fields, false)
    }

    /// A form for a server function, whose success leads out of these pages.
    pub fn leaving<S: ServerFn<Error = AppError>>(
        name: &'static str,
        fields: &'static [&'static str],
    ) -> Self {
        let form = Self::new(S::PATH, name, fields, true);
        // A page that comes back from the browser's memory can be submitted again.
        Effect::new(move || {
            let shown = window_event_listener_untyped("pageshow", move |_| form.pending.set(false));
            on_cleanup(move || shown.remove());
        });
        form
    }

    fn new(path: &'static str, name: &'static str, fields: &'static [&'static str], leaves: bool) -> Self {
        // Without JavaScript the error of the last try is in the address.
        let error = use_query_map().with_untracked(|query| {
            let is_ours = query.get_str("__path") == Some(path);
            query.get_str("__err").filter(|_| is_ours).map(ServerFnUrlError::<AppError>::decode_err)
        });
        let error = RwSignal::new(error);
        let (pending, answer, successes) = (RwSignal::new(false), RwSignal::new(None), RwSignal::new(0));
        Self { name, fields, path, leaves, error, pending, answer, successes }
    }

    /// The id of one of its elements.
    pub fn id(&self, of: &str) -> String {
        format!("{}-{of}", self.name)
    }

    /// Whether its last try failed.
    pub fn has_failed(&self) -> bool {
        self.error.with_untracked(Option::is_some)
    }

    /// How often it has succeeded, for what must be looked up again then.
    pub fn successes(&self) -> usize {
        self.successes.get()
    }

    /// What its last success gave.
    pub fn answer<T: DeserializeOwned>(&self) -> Option<T> {
        self.answer.with(|answer| serde_json::from_str(answer.as_ref()?).ok())
    }

    /// What was typed into a field when the last try failed.
    pub fn kept(&self, field: &str) -> Option<String> {
        self.error.with_untracked(|error| {
            let (_, value) = error.as_ref()?.values.iter().find(|(name, _)| name == field)?;
            Some(value.clone())
        })
    }

    /// What is wrong with a field, under any of the names that the API has for it.
    pub fn issue(&self, paths: &'static [&'static str]) -> Signal<Option<String>> {
        let error = self.error;
        Signal::derive(move || {
            error.with(|error| {
                let issues = error.iter().flat_map(|error| &error.issues);
                let messages: Vec<&str> = issues
                    .filter(|issue| paths.contains(&&*issue.path))
                    .map(|issue| &*issue.message)
                    .collect();
                (!messages.is_empty()).then(|| messages.join(" "))
            })
        })
    }
}

/// The form element.
#[component]
pub fn PostForm(form: Form, children: Children) -> impl IntoView {
    let send = post::sender(form);
    view! { <form method="post" action=form.path on:submit=send>{children()}</form> }.into_any()
}

/// Says above a form why it was not accepted. Always there, so that it is read out when it fills.
#[component]
pub fn Problem(form: Form) -> impl IntoView {
    let Form { error, fields, .. } = form;
    let shown = move || {
        let shown = error.get().map(|error| {
            let elsewhere = |issue: &Issue| !fields.contains(&&*issue.path);
            let others: Vec<Issue> = error.issues.into_iter().filter(elsewhere).collect();
            let signed_out = error.code == ErrorCode::Unauthorized && !fields.contains(&"password");
            view! {
                <div class="problem">
                    <p>{error.message}</p>
                    {others.into_iter().map(|issue| view! { <p>{issue.message}</p> }.into_any()).collect_view()}
                    {signed_out.then(|| view! { <p><a href="/signin">"Sign in"</a></p> })}
                </div>
            }
        });
        shown.into_any()
    };
    view! { <div role="alert">{changing(shown)}</div> }.into_any()
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
    let pending = form.pending;
    view! {
        <button type="submit" class:danger=danger disabled=pending>
            {changing(move || if pending.get() { busy } else { label }.into_any())}
        </button>
    }
    .into_any()
}
