//! The page follows what it shows.

use leptos::prelude::*;

/// Listens to a stream of snapshots at `path`, and has the page's regions drawn anew with each; says so while the
/// connection is lost. One per page.
#[island]
pub fn Live(
    /// Where the stream is; its query says which snapshot the page shows already.
    path: String,
) -> impl IntoView {
    let lost = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    crate::browser::live::follow(&path, lost);
    #[cfg(not(feature = "hydrate"))]
    let _ = path;
    // Nothing at all while it is there: an empty text would be drawn as a space, and the line's frame around it.
    let words = move || lost.get().then_some("Connection lost, reconnecting…");
    view! {
        <p class="connection" role="status">
            {words}
        </p>
    }
}
