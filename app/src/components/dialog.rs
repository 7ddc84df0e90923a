//! A question before something is done. It opens in the top layer without a script and takes the focus, so that it is read
//! out and the next key goes on in it; Escape and a click beside it close it.

use leptos::prelude::*;

/// A button, and the dialog that it opens.
#[component]
pub fn Dialog(
    /// Tells it from the page's other dialogs.
    #[prop(into)]
    id: String,
    /// What the button says.
    #[prop(into)]
    button: String,
    /// The button's style: `quiet`, `danger`.
    #[prop(optional, into)]
    class: String,
    /// What the button says to those who do not see what it stands beside; the same as `button` if left out.
    #[prop(optional, into)]
    label: Option<String>,
    /// The dialog's title.
    #[prop(into)]
    title: String,
    /// Whether it is open at first, because its form was refused.
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
            // A refused form's own words take the focus.
            <h2 id=title_id tabindex="-1" autofocus=!open>{title}</h2>
            {children()}
            <button type="button" class="quiet close" popovertarget=id popovertargetaction="hide">"Not now"</button>
        </div>
    }
}
