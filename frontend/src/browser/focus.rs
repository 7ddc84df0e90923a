//! Where the keyboard focus goes after a form was sent or a part of the page was replaced. It must not fall back to `<body>`: the
//! next key would start at the top of the page, and a screen reader would not read out what happened.

use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use web_sys::{Element, FocusOptions, HtmlElement, HtmlFormElement, Storage, Url};

use super::{check_results, dom};

const FOCUSABLE: &str = "a[href], button:enabled, summary, input, select, textarea, [tabindex]";
/// The session storage key for the control whose form leads to another page.
const SENDER: &str = "reef-focus";

/// What identifies an element that can take the focus, because replacing a part of the page creates new elements.
#[derive(Serialize, Deserialize)]
pub(super) struct Focus {
    identity: String,
    /// The number of elements before it that look the same.
    number: usize,
}

/// The control whose form has led to another page.
#[derive(Serialize, Deserialize)]
struct Sender {
    path: String,
    control: Option<Focus>,
}

impl Focus {
    /// The focused element, if it is in this region.
    pub(super) fn in_region(region: &Element) -> Option<Self> {
        let active = dom::document().active_element().filter(|active| region.contains(Some(active)))?;
        Some(Self::of(&active, region))
    }

    fn of(element: &Element, region: &Element) -> Self {
        let identity = identity(element);
        let similar =
            dom::all(region, FOCUSABLE).into_iter().filter(|other| self::identity(other) == identity);
        let number = similar.take_while(|other| !other.is_same_node(Some(element))).count();
        Self { identity, number }
    }

    fn find(&self, region: &Element) -> Option<Element> {
        let mut similar =
            dom::all(region, FOCUSABLE).into_iter().filter(|other| identity(other) == self.identity);
        similar.nth(self.number)
    }

    /// Focuses the same element of the new content. When it is gone, or in a dialog that is closed now, the region takes the focus,
    /// so that the next key continues there.
    pub(super) fn restore(&self, region: &Element) {
        if self.find(region).is_some_and(|again| focus_in_place(&again)) {
            return;
        }
        if region.set_attribute("tabindex", "-1").is_err() || !focus_in_place(region) {
            leptos::logging::error!("the focus is lost");
        }
    }
}

/// The control that sends a form: what has the focus, or else the pressed button. Disabling the button takes the focus from it.
pub(super) fn sender(form: &HtmlFormElement, button: Option<&HtmlElement>) -> Option<Focus> {
    let root = dom::document().document_element()?;
    let focused = dom::document().active_element().filter(|active| form.contains(Some(active)));
    let control = focused.or_else(|| button.map(|button| button.clone().unchecked_into()))?;
    Some(Focus::of(&control, &root))
}

/// Focuses the result of a form: the first field with an issue, else the message above the form, else the control that sent it. A
/// reader who has moved on to another part of the page stays there.
pub(super) fn focus_after_submit(form: &HtmlFormElement, sender: Option<&Focus>) {
    let is_in_form = dom::document().active_element().is_some_and(|active| form.contains(Some(&active)));
    if !is_in_form && !nothing_is_focused() {
        return;
    }
    let wrong = dom::all(form, "[aria-invalid='true']").into_iter().map(first_control);
    let refused = check_results::fields_to_fix(form);
    let message = dom::first(form, "[data-problem]:not(:empty)");
    if wrong.chain(refused).any(|field| focus_and_scroll(&field))
        || message.is_some_and(|message| make_focusable_and_focus(&message))
    {
        return;
    }
    let root = dom::document().document_element();
    if nothing_is_focused()
        && let (Some(root), Some(sender)) = (root, sender)
        && !sender.find(&root).is_some_and(|control| focus_in_place(&control))
    {
        make_focusable_and_focus(form);
    }
}

/// Saves the control whose form leads to a page, for [`focus_after_navigation`].
pub(super) fn save_sender(to: &str, control: Option<&Focus>) {
    let Some(path) = path_of(to) else { return };
    let sender = serde_json::json!({ "path": path, "control": control });
    // Without storage the page that follows begins at its top.
    let _ = storage().map(|storage| storage.set_item(SENDER, &sender.to_string()));
}

/// Sets the focus on a page that a form has led to. Browsers follow `autofocus` only in an address without a fragment.
pub(super) fn focus_after_navigation() {
    let Some(Sender { path, control }) = remove_sender() else { return };
    let (Some(root), true) = (dom::document().document_element(), nothing_is_focused()) else { return };
    let location = dom::window().location();
    if location.pathname().ok().as_deref() != Some(&*path) {
        return;
    }
    let wrong = dom::all(&root, "[aria-invalid='true']").into_iter().map(first_control);
    let message = dom::first(&root, "[data-problem][autofocus]");
    if wrong.chain(message).any(|element| focus_and_scroll(&element)) {
        return;
    }
    let fragment = location.hash().unwrap_or_default();
    let section = fragment.strip_prefix('#').and_then(|id| dom::document().get_element_by_id(id));
    if section.is_none() && dom::all(&root, "[autofocus]").iter().any(focus_in_place) {
        return;
    }
    let control = control.and_then(|control| control.find(&root));
    if control.is_some_and(|control| focus_in_place(&control)) {
        return;
    }
    let place = section.or_else(|| dom::first(&root, ".form-result"));
    // The page begins at its top, where `<main>` need not be scrolled to.
    if !place.is_some_and(|place| make_focusable_and_focus(&place))
        && !dom::first(&root, "#main").is_some_and(|main| focus_in_place(&main))
    {
        leptos::logging::error!("the focus is lost");
    }
}

fn remove_sender() -> Option<Sender> {
    let storage = storage()?;
    let sender = storage.get_item(SENDER).ok().flatten()?;
    storage.remove_item(SENDER).ok()?;
    serde_json::from_str(&sender).ok()
}

fn storage() -> Option<Storage> {
    dom::window().session_storage().ok().flatten()
}

fn path_of(address: &str) -> Option<String> {
    let here = dom::window().location().href().ok()?;
    Some(Url::new_with_base(address, &here).ok()?.pathname())
}

/// Whether nothing has the focus.
fn nothing_is_focused() -> bool {
    dom::document().active_element().is_none_or(|active| active.tag_name() == "BODY")
}

/// The control that takes the focus for a field: a group of choices is a `<fieldset>`, which takes none.
fn first_control(field: Element) -> Element {
    let is_group = field.tag_name() == "FIELDSET";
    let control = is_group.then(|| dom::first(&field, "input:enabled, select:enabled")).flatten();
    control.unwrap_or(field)
}

/// Focuses an element where it is, without scrolling to it. Returns whether it has taken the focus.
fn focus_in_place(element: &Element) -> bool {
    let options = FocusOptions::new();
    options.set_prevent_scroll(true);
    let result = element.dyn_ref::<HtmlElement>().map(|element| element.focus_with_options(&options));
    matches!(result, Some(Ok(()))) && has_focus(element)
}

/// Focuses an element and scrolls to it. Returns whether it has taken the focus.
fn focus_and_scroll(element: &Element) -> bool {
    let result = element.dyn_ref::<HtmlElement>().map(HtmlElement::focus);
    matches!(result, Some(Ok(()))) && has_focus(element)
}

/// Focuses an element that is not a control, and scrolls to it if necessary.
fn make_focusable_and_focus(element: &Element) -> bool {
    element.set_attribute("tabindex", "-1").is_ok() && focus_and_scroll(element)
}

fn has_focus(element: &Element) -> bool {
    dom::document().active_element().is_some_and(|active| active.is_same_node(Some(element)))
}

/// What an element has in common with the one that takes its place: its id if it has one, else everything that a reader sees of
/// it.
fn identity(element: &Element) -> String {
    let attribute = |name| element.get_attribute(name).unwrap_or_default();
    let id = attribute("id");
    if !id.is_empty() {
        return format!("#{id}");
    }
    let form = element.closest("form").ok().flatten();
    let action = form.and_then(|form| form.get_attribute("action")).unwrap_or_default();
    let text = element.text_content().unwrap_or_default();
    [element.tag_name(), attribute("href"), attribute("name"), action, text].join("\n")
}
