//! The form "Try it", which the site's script sends with the reader's own API key. The form cannot be submitted without the
//! script: its fields have no names, so that a key never ends up in a URL.

use maud::{Markup, html};

use crate::inline::to_html;

/// A form that sends a request to an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryItForm {
    /// The method in upper case.
    pub method: String,
    /// The path, with `{name}` for path parameters.
    pub path: String,
    /// The fields for the parameters, in document order.
    pub inputs: Vec<FormInput>,
    /// The initial value of the body.
    pub body: Option<String>,
    /// Whether the body is required.
    pub is_body_required: bool,
    /// A warning before a request that changes something, with inline markup.
    pub warning: Option<String>,
}

/// A field for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormInput {
    /// Where the parameter is sent: `path`, `query` or `header`.
    pub location: &'static str,
    /// The name of the parameter.
    pub name: String,
    /// Whether the parameter is required.
    pub is_required: bool,
    /// Its meaning, with inline markup.
    pub hint: String,
    /// The values to choose from, or none if any text is allowed.
    pub values: Vec<String>,
}

/// Renders the form. Browsers without scripts show a sentence instead.
pub(crate) fn render(trial: &TryItForm) -> Markup {
    html! {
        p.without-script { "Turn on JavaScript to send this request here, or use the curl command above." }
        form.try-it.needs-script data-try data-method=(trial.method) data-path=(trial.path) autocomplete="off" {
            (render_field("try-key", "X-API-Key", true, "Not stored.", &html! {
                input #try-key type="password" data-in="key" required autocomplete="new-password" spellcheck="false"
                    aria-describedby="try-key-hint" {}
            }))
            @for input in &trial.inputs { (render_input(input)) }
            @if let Some(body) = &trial.body { (render_body_field(body, trial.is_body_required)) }
            @if let Some(warning) = &trial.warning { p.notice.warn #try-warning { (to_html(warning)) } }
            button type="submit" aria-describedby=[trial.warning.as_ref().map(|_| "try-warning")] {
                "Send " (trial.method) " request"
            }
            div.result role="status" data-output {}
        }
    }
}

fn render_input(input: &FormInput) -> Markup {
    let id = format!("try-{}", input.name.to_ascii_lowercase());
    let hint_id = format!("{id}-hint");
    let control = if input.values.is_empty() {
        html! {
            input id=(id) type="text" data-in=(input.location) data-name=(input.name) required[input.is_required]
                autocomplete="off" spellcheck="false" aria-describedby=(hint_id) {}
        }
    } else {
        html! {
            select id=(id) data-in=(input.location) data-name=(input.name) aria-describedby=(hint_id) {
                @if !input.is_required { option value="" { "Any" } }
                @for value in &input.values { option value=(value) { (value) } }
            }
        }
    };
    render_field(&id, &input.name, input.is_required, &input.hint, &control)
}

fn render_body_field(body: &str, is_required: bool) -> Markup {
    let rows = body.lines().count() + 1;
    render_field(
        "try-body",
        "Body",
        is_required,
        "JSON body, filled in with an example.",
        &html! {
            textarea #try-body data-in="body" rows=(rows) autocomplete="off" spellcheck="false"
                aria-describedby="try-body-hint" { (body) }
        },
    )
}

fn render_field(id: &str, label: &str, is_required: bool, hint: &str, control: &Markup) -> Markup {
    html! {
        div.field {
            label for=(id) {
                (label)
                @if !is_required { " " span.optional { "(optional)" } }
            }
            (control)
            p.hint id=(format!("{id}-hint")) { (to_html(hint)) }
        }
    }
}
