//! Shows at its field what was found when a form's bot and model were tried; what is changed after that is not judged.

use wasm_bindgen::JsCast;
use web_sys::{Document, Element, Event, HtmlFormElement};

use super::dom;
use crate::findings::Finding;

pub(super) fn start() {
    dom::listen("input", false, |event| forget(&event));
}

/// A field that is being changed is no longer what was tried.
fn forget(event: &Event) {
    let field = dom::target::<Element>(event).and_then(|at| at.closest(".field").ok().flatten());
    for place in field.iter().flat_map(|field| dom::all(field, "[data-finding]")) {
        place.set_text_content(None);
    }
}

/// Takes away what was found before.
pub(super) fn clear(form: &HtmlFormElement) {
    for place in dom::all(form, "[data-finding]") {
        place.set_text_content(None);
    }
}

/// Shows each finding; the first that is not good is brought into view.
pub(super) fn show(form: &HtmlFormElement, findings: &[Finding]) {
    let mut first_bad = None;
    for finding in findings {
        let Some(place) = dom::first(form, &format!("[data-finding='{}']", finding.about)) else { continue };
        let Some(words) = drawn(&dom::document(), finding) else { continue };
        if place.append_child(&words).is_err() {
            leptos::logging::error!("a finding cannot be shown");
        }
        if !finding.good && first_bad.is_none() {
            first_bad = Some(place);
        }
    }
    if let Some(place) = first_bad.and_then(|place| place.closest(".field").ok().flatten()) {
        place.scroll_into_view();
    }
}

fn drawn(document: &Document, finding: &Finding) -> Option<Element> {
    let words = document.create_element("p").ok()?;
    words.set_class_name(if finding.good { "finding good" } else { "finding bad" });
    if let Some(picture) = &finding.picture {
        let image = document.create_element("img").ok()?;
        for (name, value) in [("src", picture.as_str()), ("alt", ""), ("width", "32"), ("height", "32")] {
            image.set_attribute(name, value).ok()?;
        }
        words.append_child(&image).ok()?;
    }
    let text = document.create_text_node(&format!(" {}", finding.words));
    words.append_child(text.unchecked_ref()).ok()?;
    Some(words)
}
