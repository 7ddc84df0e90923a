//! "Try it": a form that the browser's code sends with the reader's own key. It cannot be sent without that code: its
//! fields have no names, so that a key never ends up in an address.

use maud::{Markup, html};

use crate::html::spans;

/// A form to try an operation with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// In capitals.
    pub method: String,
    /// With `{name}` where a parameter of the path goes.
    pub path: String,
    /// What is filled in beside the key and the body.
    pub inputs: Vec<Input>,
    /// The body to begin with.
    pub body: Option<String>,
    /// Whether there must be one.
    pub is_body_required: bool,
    /// What really happens, when it changes something.
    pub warning: Option<String>,
}

/// A field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// As the API calls it.
    pub name: String,
    /// Whether it must be filled in.
    pub is_required: bool,
    /// What it means.
    pub hint: String,
    /// The values to choose from, if they are few.
    pub values: Vec<String>,
}

/// The form, for browsers that run scripts; the others are told so.
pub(crate) fn draw(trial: &Trial) -> Markup {
    html! {
        p.without-script { "Here the request can be sent once scripts run. The curl line above does the same." }
        form.try.needs-script data-try data-method=(trial.method) data-path=(trial.path) autocomplete="off" {
            (text_field("try-key", "X-API-Key", true, "Stays in this page's memory; nothing stores it.", &html! {
                input #try-key type="password" data-in="key" required autocomplete="new-password" spellcheck="false"
                    aria-describedby="try-key-hint" {}
            }))
            @for input in &trial.inputs { (draw_input(input)) }
            @if let Some(body) = &trial.body { (body_field(body, trial.is_body_required)) }
            @if let Some(warning) = &trial.warning { p.notice.warn #try-warning { (spans(warning)) } }
            button type="submit" aria-describedby=[trial.warning.as_ref().map(|_| "try-warning")] {
                "Send " (trial.method) " request"
            }
            div.result role="status" data-output {}
        }
    }
}

fn draw_input(input: &Input) -> Markup {
    let id = format!("try-{}", input.name.to_ascii_lowercase());
    let hint_id = format!("{id}-hint");
    let control = if input.values.is_empty() {
        html! {
            input id=(id) type="text" data-in=(input.place) data-name=(input.name) required[input.is_required]
                autocomplete="off" spellcheck="false" aria-describedby=(hint_id) {}
        }
    } else {
        html! {
            select id=(id) data-in=(input.place) data-name=(input.name) aria-describedby=(hint_id) {
                @if !input.is_required { option value="" { "Any" } }
                @for value in &input.values { option value=(value) { (value) } }
            }
        }
    };
    text_field(&id, &input.name, input.is_required, &input.hint, &control)
}

fn body_field(body: &str, is_required: bool) -> Markup {
    let rows = body.lines().count() + 1;
    text_field(
        "try-body",
        "Body",
        is_required,
        "JSON; the example to begin with.",
        &html! {
            textarea #try-body data-in="body" rows=(rows) autocomplete="off" spellcheck="false"
                aria-describedby="try-body-hint" { (body) }
        },
    )
}

fn text_field(id: &str, label: &str, is_required: bool, hint: &str, control: &Markup) -> Markup {
    html! {
        div.field {
            label for=(id) {
                (label)
                @if !is_required { " " span.optional { "(optional)" } }
            }
            (control)
            p.hint id=(format!("{id}-hint")) { (spans(hint)) }
        }
    }
}
