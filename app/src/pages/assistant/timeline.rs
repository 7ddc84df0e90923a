//! What happened to the assistant.

use leptos::prelude::*;
use reef_service::assistants::{Details, TIMELINE_SHOWN};

use crate::components::small::{Newest, StatusBadge, When};

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
        view! {
            <ol class="timeline">{details.timeline.iter().map(entry).collect_view()}</ol>
            <Newest shown=details.timeline.len() most=TIMELINE_SHOWN api="/docs/list-assistant-events"/>
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
