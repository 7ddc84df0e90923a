//! Code and secrets that are shown to be copied.

use leptos::prelude::*;

use crate::secret::Secret;

/// A block of code with a button that copies it.
#[component]
pub fn CodeBlock(
    /// What it is, for those who cannot see it.
    label: &'static str,
    /// The code.
    #[prop(into)]
    code: String,
) -> impl IntoView {
    view! {
        <div class="code" data-copy="">
            // It scrolls, so the keyboard must reach it.
            <pre tabindex="0" role="region" aria-label=label><code>{code}</code></pre>
            <CopyButton/>
        </div>
    }
}

/// Shows a secret with a button that copies it; without scripts it is selected with one click.
#[component]
pub fn Copyable(
    /// What it is, for those who cannot see it.
    label: &'static str,
    /// The secret.
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
