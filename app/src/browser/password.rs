//! A form that was rendered while no password was required and sent when one is: it gets the field that
//! the server would have rendered (`PasswordAgain`), and keeps everything that was typed.

use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlFormElement, console};

use super::dom;

/// Whether a form has no place for a password.
pub(super) fn is_missing(form: &HtmlFormElement) -> bool {
    dom::first(form, "[data-issue~='password']").is_none()
}

/// Adds the field before the form's button.
pub(super) fn add_field(form: &HtmlFormElement) {
    if let Err(error) = add(form) {
        console::error_2(&"a field cannot be added".into(), &error);
    }
}

fn add(form: &HtmlFormElement) -> Result<(), JsValue> {
    let missing = || JsValue::from_str("the form has no button");
    let button = dom::first(form, "button[type='submit']").ok_or_else(missing)?;
    let action = form.get_attribute("action").unwrap_or_default();
    let number =
        dom::all(&dom::document().document_element().ok_or_else(missing)?, "input[name='password']").len();
    // Only letters and digits: the id is looked for by a selector.
    let name: String = action.chars().filter(char::is_ascii_alphanumeric).collect();
    let (id, issue_id) = (format!("{name}-password-{number}"), format!("{name}-password-{number}-issue"));
    let field = element("div", &[("class", "field")])?;
    let label = element("label", &[("for", &id)])?;
    label.set_text_content(Some("Your password"));
    let input = element(
        "input",
        &[
            ("id", &id),
            ("name", "password"),
            ("type", "password"),
            ("autocomplete", "current-password"),
            ("required", ""),
            ("aria-describedby", &issue_id),
        ],
    )?;
    let issue = element("p", &[("class", "issue"), ("id", &issue_id), ("data-issue", "password")])?;
    for part in [label, input, issue] {
        field.append_child(&part)?;
    }
    let parent = button.parent_node().ok_or_else(missing)?;
    parent.insert_before(&field, Some(&button))?;
    Ok(())
}

fn element(tag: &str, attributes: &[(&str, &str)]) -> Result<Element, JsValue> {
    let element = dom::document().create_element(tag)?;
    for (name, value) in attributes {
        element.set_attribute(name, value)?;
    }
    Ok(element)
}
