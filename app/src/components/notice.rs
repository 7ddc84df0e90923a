//! Notices: what the form that led to a page has done.

use leptos::prelude::*;

use crate::flash;
use crate::request::request_path;

/// The part of a page that a form leads to. It takes the focus, so that the keyboard continues from there.
#[component]
pub fn FocusAfterForm(children: Children) -> impl IntoView {
    let has_arrived = flash::notice().is_some();
    view! { <div class="form-result" tabindex=has_arrived.then_some("-1") autofocus=has_arrived>{children()}</div> }
}

/// Says what the form that led here has done.
#[component]
pub fn Notice(
    /// Whether it disappears when the page shows a new state.
    #[prop(optional)]
    transient: bool,
) -> impl IntoView {
    let notice = flash::notice();
    let has_focus = !transient && notice.is_some();
    let class = if transient { "toasts transient" } else { "toasts" };
    let toast = notice.map(|notice| view! { <Toast message=notice.text() has_focus=has_focus/> });
    view! { <div role="status" class=class>{toast}</div> }
}

/// A message with a button that dismisses it: a script removes it, and without scripts the page reloads without it.
#[component]
pub fn Toast(
    message: &'static str,
    /// Whether it takes the focus, because no other part of the page does.
    #[prop(optional)]
    has_focus: bool,
) -> impl IntoView {
    let here = request_path();
    view! {
        <div class="toast" tabindex=has_focus.then_some("-1") autofocus=has_focus>
            <p>{message}</p>
            <form method="get" action=here class="inline">
                <button type="submit" class="dismiss" aria-label="Dismiss" data-dismiss="">"×"</button>
            </form>
        </div>
    }
}
