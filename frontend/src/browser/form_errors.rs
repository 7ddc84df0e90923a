//! The errors of a form: what the server answers, shown at the fields and above the form.

use serde::Deserialize;
use web_sys::js_sys::encode_uri_component;
use web_sys::{Element, HtmlFormElement, console};

use super::{dom, password_field};

/// The error of a server function: the server's `AppError`.
#[derive(Deserialize)]
pub(super) struct FormFailure {
    #[serde(default)]
    is_signed_out: bool,
    message: String,
    #[serde(default)]
    issues: Vec<reef_domain::Issue>,
}

impl FormFailure {
    pub(super) fn with_message(message: impl Into<String>) -> Self {
        Self { is_signed_out: false, message: message.into(), issues: Vec::new() }
    }
}

/// Shows an error: each issue at its field, and the rest above the form.
pub(super) fn show_failure(form: &HtmlFormElement, failure: FormFailure) {
    clear_errors(form);
    let mut above = vec![failure.message];
    for issue in failure.issues {
        if issue.path == "password" && password_field::is_missing(form) {
            password_field::add_field(form);
        }
        match dom::first(form, &format!("[data-issue~='{}']", issue.path)) {
            Some(place) => set_issue(form, &place, Some(&issue.message)),
            None => above.push(issue.message),
        }
    }
    if let Some(problem) = dom::first(form, "[data-problem]") {
        for line in above {
            append(&problem, "p", &line);
        }
        if failure.is_signed_out {
            add_sign_in_link(&problem);
        }
    }
}

/// Appends an element with a text to a place.
fn append(place: &Element, tag: &str, text: &str) -> Option<Element> {
    let element = dom::document().create_element(tag).ok()?;
    element.set_text_content(Some(text));
    place.append_child(&element).ok()?;
    Some(element)
}

/// Offers to sign in again, which leads back to this page.
fn add_sign_in_link(place: &Element) {
    let here = dom::window().location().pathname().unwrap_or_default();
    let to = format!("/signin?next={}", encode_uri_component(&here));
    let link = append(place, "p", "").and_then(|line| append(&line, "a", "Sign in"));
    if link.is_none_or(|link| link.set_attribute("href", &to).is_err()) {
        console::error_1(&"a link could not be shown".into());
    }
}

/// Removes all errors of a form.
pub(super) fn clear_errors(form: &HtmlFormElement) {
    for place in dom::all(form, "[data-issue]") {
        set_issue(form, &place, None);
    }
    if let Some(problem) = dom::first(form, "[data-problem]") {
        problem.set_text_content(None);
    }
}

/// Shows an issue at the place of its field; `None` removes it.
pub(super) fn set_issue(form: &Element, place: &Element, message: Option<&str>) {
    place.set_text_content(message);
    let Some(field) = dom::first(form, &format!("[aria-describedby~='{}']", place.id())) else { return };
    let result = match message {
        Some(_) => field.set_attribute("aria-invalid", "true"),
        None => field.remove_attribute("aria-invalid"),
    };
    if result.is_err() {
        console::error_1(&"a field could not be marked".into());
    }
}
