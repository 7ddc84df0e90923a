//! Code and secrets with a button that copies them.

use leptos::prelude::*;

use crate::secret::Secret;

/// A block of code with a button that copies it.
#[component]
pub fn CodeBlock(
    /// The name for screen readers.
    label: &'static str,
    #[prop(into)] code: String,
) -> impl IntoView {
    view! {
        <div class="code" data-copy="">
            // The block scrolls, so the keyboard must reach it.
            <pre tabindex="0" role="region" aria-label=label><code>{code}</code></pre>
            <CopyButton/>
        </div>
    }
}

/// A secret with a button that copies it. Without scripts a click selects all of it.
#[component]
pub fn Copyable(
    /// The name for screen readers.
    label: &'static str,
    secret: Secret,
) -> impl IntoView {
    view! {
        <div class="copyable" data-copy="" role="group" aria-label=label>
            <code>{secret.expose().to_owned()}</code>
            <CopyButton/>
        </div>
    }
}

#[component]
fn CopyButton() -> impl IntoView {
    view! { <button type="button" class="copy quiet small needs-script" aria-live="polite">"Copy"</button> }
}
