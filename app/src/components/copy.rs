//! A secret that is shown to be copied.

use leptos::prelude::*;

use crate::components::drawn::changing;
use crate::secret::Secret;

/// Shows a secret with a button that copies it; without scripts it is selected with one click.
#[component]
pub fn Copyable(
    /// What it is, for those who cannot see it.
    label: &'static str,
    /// The secret.
    secret: Secret,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let text = secret.expose().to_owned();
    let copy = move |_| write_to_clipboard(secret.expose(), copied);
    view! {
        <div class="copyable">
            <code aria-label=label>{text}</code>
            <button type="button" class="quiet needs-script" on:click=copy>"Copy"</button>
            <span role="status">{changing(move || copied.get().then_some("Copied").into_any())}</span>
        </div>
    }
    .into_any()
}

/// Browsers have a clipboard only on https and on the machine itself.
#[cfg(feature = "hydrate")]
fn write_to_clipboard(text: &str, copied: RwSignal<bool>) {
    let Some(clipboard) = web_sys::window()
        .map(|window| window.navigator().clipboard())
        .filter(|clipboard| !clipboard.is_undefined())
    else {
        return;
    };
    let written = clipboard.write_text(text);
    leptos::task::spawn_local(async move {
        copied.set(wasm_bindgen_futures::JsFuture::from(written).await.is_ok());
    });
}

#[cfg(not(feature = "hydrate"))]
fn write_to_clipboard(_: &str, _: RwSignal<bool>) {}
