//! The island that keeps a page up to date.

use leptos::prelude::*;

/// Follows the stream of snapshots at `path` and refreshes the page's regions with each. Says when the connection is lost. A page has
/// at most one.
#[island]
pub fn Live(
    /// The path of the stream. Its query has the stamp of the snapshot that the page shows.
    path: String,
) -> impl IntoView {
    let lost = RwSignal::new(false);
    #[cfg(target_arch = "wasm32")]
    crate::browser::live::follow(&path, lost);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = path;
    // An empty text would be rendered as a space, so the line would not match `:empty`.
    let message = move || lost.get().then_some("Connection lost, reconnecting…");
    view! {
        <p class="connection" role="status">
            {message}
        </p>
    }
}
