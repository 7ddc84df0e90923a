//! What happened to the assistant.

use leptos::prelude::*;
use reef_service::assistants::{Details, TIMELINE_SHOWN};

use crate::components::small::{StatusBadge, When};

/// Newest first.
pub(super) fn section(details: &Details) -> AnyView {
    let entry = |(at, status, message): &(_, _, Option<String>)| {
        view! {
            <li>
                <StatusBadge status=*status/> " " <When at=*at/>
                {message.clone().map(|message| view! { <p class="hint">{message}</p> })}
            </li>
        }
    };
    let list = if details.timeline.is_empty() {
        view! { <p>"Nothing has happened yet."</p> }.into_any()
    } else {
        let is_cut = details.timeline.len() >= TIMELINE_SHOWN;
        view! {
            <ol class="timeline">{details.timeline.iter().map(entry).collect_view()}</ol>
            {is_cut.then(|| view! {
                <p class="hint">
                    "The newest " {TIMELINE_SHOWN} ". "
                    <a href="/docs/list-assistant-events">"The API tells more of them"</a>
                </p>
            })}
        }
        .into_any()
    };
    view! {
        <section class="card" aria-labelledby="timeline">
            <h2 id="timeline">"Timeline"</h2>
            {list}
        </section>
    }
    .into_any()
}
