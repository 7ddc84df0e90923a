//! Dialogs as native popovers, which need no script. A dialog takes the focus when it opens, so that screen readers read it out.
//! Escape and a click outside close it.

use leptos::prelude::*;

/// A button, and the dialog that it opens.
#[component]
pub fn Dialog(
    #[prop(into)] id: String,
    /// The label of the button that opens the dialog.
    #[prop(into)]
    button: String,
    /// The button's style: `quiet`, `danger`.
    #[prop(optional, into)]
    class: String,
    /// The button's label for screen readers, where `button` is clear only in its visual context.
    #[prop(optional, into)]
    label: Option<String>,
    #[prop(into)] title: String,
    /// Whether the dialog is shown initially, because its form failed.
    #[prop(optional)]
    open: bool,
    children: Children,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    let (opens, is, labelled) = (id.clone(), id.clone(), title_id.clone());
    view! {
        <button type="button" class=class popovertarget=opens aria-haspopup="dialog" aria-label=label>
            {button}
        </button>
        <div
            id=is
            class=if open { "dialog shown" } else { "dialog" }
            role="dialog"
            aria-labelledby=labelled
            popover="auto"
        >
            // The error of a failed form takes the focus instead.
            <h2 id=title_id tabindex="-1" autofocus=!open>{title}</h2>
            {children()}
            <button type="button" class="quiet close" popovertarget=id popovertargetaction="hide">"Cancel"</button>
        </div>
    }
}
