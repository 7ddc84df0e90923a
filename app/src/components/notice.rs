//! What has just been done.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::drawn::changing;

/// Says what the form that led here has done, from `?done=`: a closed set, so that no address makes a page say other
/// things.
#[component]
pub fn Done() -> impl IntoView {
    let query = use_query_map();
    let words = move || {
        Some(match query.read().get_str("done")? {
            "saved" => "Saved. Redeploy to put it to work.",
            "deleted" => "The assistant is deleted.",
            "revoked" => "The key is revoked; nothing can use it any more.",
            "rotated" => "There is a new signing secret. The one before it signs too for 24 hours.",
            _ => return None,
        })
    };
    let shown = move || words().map(|words| view! { <p class="notice good">{words}</p> }).into_any();
    view! { <div role="status">{changing(shown)}</div> }.into_any()
}
