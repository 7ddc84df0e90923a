//! Adds a password field to a form that was rendered while no password was required and is sent when one is, so that nothing
//! typed is lost. The field is what the server would have rendered (`ConfirmPassword`).

use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlFormElement, console};

use super::dom;

/// Whether a form has no field for a password.
pub(super) fn is_missing(form: &HtmlFormElement) -> bool {
    dom::first(form, "[data-issue~='password']").is_none()
}

/// Adds the field where the server has left a place for it, else before the form's button.
pub(super) fn add_field(form: &HtmlFormElement) {
    if let Err(error) = try_add_field(form) {
        console::error_2(&"a field could not be added".into(), &error);
    }
}

fn try_add_field(form: &HtmlFormElement) -> Result<(), JsValue> {
    let missing = || JsValue::from_str("the form has no place for a field");
    let place = dom::first(form, "[data-password-reason]");
    let reason = place.as_ref().and_then(|place| place.get_attribute("data-password-reason"));
    let button = dom::first(form, "button[type='submit']");
    let next = place.or(button).ok_or_else(missing)?;
    let action = form.get_attribute("action").unwrap_or_default();
    let number =
        dom::all(&dom::document().document_element().ok_or_else(missing)?, "input[name='password']").len();
    // The id is used in a selector, so it has letters and digits only.
    let name: String = action.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = format!("{name}-password-{number}");
    let (hint_id, issue_id) = (format!("{id}-hint"), format!("{id}-issue"));
    let field = create_element("div", &[("class", "field")])?;
    let label = create_element("label", &[("for", &id)])?;
    label.set_text_content(Some("Your password"));
    let input = create_element(
        "input",
        &[
            ("id", &id),
            ("name", "password"),
            ("type", "password"),
            ("autocomplete", "current-password"),
            ("required", ""),
            ("aria-describedby", &format!("{hint_id} {issue_id}")),
        ],
    )?;
    let hint = create_element("p", &[("class", "hint"), ("id", &hint_id)])?;
    hint.set_text_content(reason.as_deref());
    let issue = create_element("p", &[("class", "issue"), ("id", &issue_id), ("data-issue", "password")])?;
    for part in [label, input, hint, issue] {
        field.append_child(&part)?;
    }
    let parent = next.parent_node().ok_or_else(missing)?;
    parent.insert_before(&field, Some(&next))?;
    Ok(())
}

fn create_element(tag: &str, attributes: &[(&str, &str)]) -> Result<Element, JsValue> {
    let element = dom::document().create_element(tag)?;
    for (name, value) in attributes {
        element.set_attribute(name, value)?;
    }
    Ok(element)
}
