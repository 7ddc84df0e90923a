//! Shows the results of checking a form's bot and model at their fields. A result disappears when its field is changed.

use wasm_bindgen::JsCast;
use web_sys::{Document, Element, Event, HtmlFormElement};

use super::dom;
use crate::CheckResult;

pub(super) fn start() {
    dom::listen("input", false, |event| clear_changed_field(&event));
}

/// Removes the result of a field that is being changed.
fn clear_changed_field(event: &Event) {
    let field = dom::target::<Element>(event).and_then(|at| at.closest(".field").ok().flatten());
    for place in field.iter().flat_map(|field| dom::all(field, "[data-check-result]")) {
        place.set_text_content(None);
    }
}

/// Removes all results of a form.
pub(super) fn clear(form: &HtmlFormElement) {
    for place in dom::all(form, "[data-check-result]") {
        place.set_text_content(None);
    }
}

/// Shows each result at its field.
pub(super) fn show_results(form: &HtmlFormElement, results: &[CheckResult]) {
    for result in results {
        let Some(place) = dom::first(form, &format!("[data-check-result='{}']", result.about)) else {
            continue;
        };
        let Some(message) = render(&dom::document(), result) else { continue };
        if place.append_child(&message).is_err() {
            leptos::logging::error!("a check result could not be shown");
        }
    }
}

/// The fields whose values cannot be deployed, in the order of the page.
pub(super) fn fields_to_fix(form: &HtmlFormElement) -> Vec<Element> {
    let field = |result: Element| dom::first(&result.closest(".field").ok().flatten()?, "input, select");
    dom::all(form, ".check-result.bad").into_iter().filter_map(field).collect()
}

fn render(document: &Document, result: &CheckResult) -> Option<Element> {
    let paragraph = document.create_element("p").ok()?;
    paragraph.set_class_name(if result.good { "check-result good" } else { "check-result bad" });
    if let Some(picture) = &result.picture {
        let image = document.create_element("img").ok()?;
        for (name, value) in [("src", picture.as_str()), ("alt", ""), ("width", "32"), ("height", "32")] {
            image.set_attribute(name, value).ok()?;
        }
        paragraph.append_child(&image).ok()?;
    }
    let text = document.create_text_node(&format!(" {}", result.words));
    paragraph.append_child(text.unchecked_ref()).ok()?;
    Some(paragraph)
}
