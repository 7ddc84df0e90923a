//! Where the keyboard is while a region is drawn anew.

use wasm_bindgen::JsCast;
use web_sys::{Element, FocusOptions, HtmlElement};

use super::dom;

const FOCUSABLE: &str = "a[href], button:enabled, summary, input, select, textarea, [tabindex]";

/// The element of a region that has the focus, by what it is: the element itself will be another one.
pub(super) struct Focus {
    looks: String,
    /// Which one of those that look the same.
    number: usize,
}

impl Focus {
    /// The focus, if it is in this region.
    pub(super) fn in_region(region: &Element) -> Option<Self> {
        let active = dom::document().active_element().filter(|active| region.contains(Some(active)))?;
        let looks = looks(&active);
        let alike = dom::all(region, FOCUSABLE).into_iter().filter(|other| self::looks(other) == looks);
        let number = alike.take_while(|other| !other.is_same_node(Some(&active))).count();
        Some(Self { looks, number })
    }

    /// Gives the focus to the same thing again; to the region when that is gone, so that the next key goes on from there
    /// and not from the top of the page.
    pub(super) fn restore(&self, region: &Element) {
        let mut alike = dom::all(region, FOCUSABLE).into_iter().filter(|other| looks(other) == self.looks);
        // What was in a dialog that is closed now is there and takes no focus.
        if alike.nth(self.number).is_some_and(|again| take(&again)) {
            return;
        }
        if region.set_attribute("tabindex", "-1").is_err() || !take(region) {
            leptos::logging::error!("the focus is lost");
        }
    }
}

/// Gives an element the focus, unless it does not take it.
fn take(element: &Element) -> bool {
    let still = FocusOptions::new();
    still.set_prevent_scroll(true);
    let asked = element.dyn_ref::<HtmlElement>().map(|element| element.focus_with_options(&still));
    let active = dom::document().active_element();
    matches!(asked, Some(Ok(()))) && active.is_some_and(|active| active.is_same_node(Some(element)))
}

fn looks(element: &Element) -> String {
    let attribute = |name| element.get_attribute(name).unwrap_or_default();
    let words = element.text_content().unwrap_or_default();
    [element.tag_name(), attribute("id"), attribute("href"), attribute("name"), words].join("\n")
}
