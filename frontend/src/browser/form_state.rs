//! What was typed into a region, and the errors shown in it: both are kept when the region is replaced.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};

use super::{dom, form_errors};

/// What differs from how the server rendered the region.
pub(super) struct FormState {
    /// The values of changed fields, by the field's id.
    fields: Vec<(String, Value)>,
    /// The errors above forms, as HTML, by the form's purpose.
    problems: Vec<(String, String)>,
    /// The issues of fields, by the id of the element that shows them.
    issues: Vec<(String, String)>,
}

enum Value {
    Text(String),
    Checked(bool),
}

impl FormState {
    /// Collects what is in a region.
    pub(super) fn of_region(region: &Element) -> Self {
        let fields =
            fields(region).filter(is_changed).filter_map(|field| Some((field.id(), value_of(&field)?)));
        let problems = dom::all(region, "form").into_iter().filter_map(|form| {
            let problem = dom::first(&form, "[data-problem]")?;
            let is_shown =
                problem.has_child_nodes() && !problem.text_content().unwrap_or_default().is_empty();
            is_shown.then(|| (form_key(&form), problem.inner_html()))
        });
        let issues = dom::all(region, "[data-issue]").into_iter().filter_map(|place| {
            let text = place.text_content().filter(|text| !text.is_empty())?;
            Some((place.id(), text))
        });
        Self { fields: fields.collect(), problems: problems.collect(), issues: issues.collect() }
    }

    /// Restores the values and errors that the new content has a place for.
    pub(super) fn restore(&self, region: &Element) {
        for field in fields(region) {
            let typed = self.fields.iter().find(|(id, _)| *id == field.id());
            if let Some((_, value)) = typed {
                set_value(&field, value);
            }
        }
        for form in dom::all(region, "form") {
            let purpose = form_key(&form);
            let problem = self.problems.iter().find(|(of, _)| *of == purpose);
            if let (Some((_, html)), Some(place)) = (problem, dom::first(&form, "[data-problem]")) {
                place.set_inner_html(html);
                // The error may have had the focus.
                if place.set_attribute("tabindex", "-1").is_err() {
                    leptos::logging::error!("an error could not be made focusable");
                }
            }
        }
        for place in dom::all(region, "[data-issue]") {
            if let Some((_, message)) = self.issues.iter().find(|(id, _)| *id == place.id()) {
                form_errors::set_issue(region, &place, Some(message));
            }
        }
    }
}

/// Identifies a form by its action and by the thing it acts on. Its other hidden fields differ with each rendering.
fn form_key(form: &Element) -> String {
    let about = dom::all(form, "input[type=hidden]:not([name=token]):not([name=baseline])");
    let about = about.iter().map(|field| field.get_attribute("value").unwrap_or_default());
    form.get_attribute("action").into_iter().chain(about).collect::<Vec<_>>().join(" ")
}

/// Whether any field in a region differs from how the server rendered it.
pub(super) fn is_any_changed(region: &Element) -> bool {
    fields(region).any(|field| is_changed(&field))
}

fn fields(region: &Element) -> impl Iterator<Item = Element> {
    dom::all(region, "input, textarea, select").into_iter()
}

fn is_changed(field: &Element) -> bool {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        return match input.type_().as_str() {
            "hidden" | "submit" => false,
            "checkbox" | "radio" => input.checked() != input.default_checked(),
            _ => input.value() != input.default_value(),
        };
    }
    if let Some(text) = field.dyn_ref::<HtmlTextAreaElement>() {
        return text.default_value() != Ok(text.value());
    }
    // A select without a `selected` option was rendered with its first option chosen.
    let Some(select) = field.dyn_ref::<HtmlSelectElement>() else { return false };
    let initial = dom::first(field, "option[selected]").or_else(|| dom::first(field, "option"));
    let initial = initial.map(|option| option.get_attribute("value").unwrap_or_default());
    initial.is_some_and(|value| value != select.value())
}

fn value_of(field: &Element) -> Option<Value> {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        let is_checkable = matches!(input.type_().as_str(), "checkbox" | "radio");
        return Some(if is_checkable { Value::Checked(input.checked()) } else { Value::Text(input.value()) });
    }
    let text = field.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value);
    text.or_else(|| field.dyn_ref::<HtmlSelectElement>().map(HtmlSelectElement::value)).map(Value::Text)
}

fn set_value(field: &Element, value: &Value) {
    match (field.dyn_ref::<HtmlInputElement>(), value) {
        (Some(input), Value::Checked(is_checked)) => input.set_checked(*is_checked),
        (Some(input), Value::Text(text)) => input.set_value(text),
        (None, Value::Text(text)) => {
            if let Some(area) = field.dyn_ref::<HtmlTextAreaElement>() {
                area.set_value(text);
            } else if let Some(select) = field.dyn_ref::<HtmlSelectElement>() {
                select.set_value(text);
            }
        }
        (None, Value::Checked(_)) => {}
    }
}
