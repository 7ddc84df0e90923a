//! The activity of an assistant: its changes of status, newest first.

use leptos::prelude::*;
use reef_domain::FailureCode;
use reef_service::assistants::{Details, TIMELINE_PREVIEW, TimelineItem};

use crate::components::time_and_status::{ShowMore, StatusBadge, Time};

pub(super) fn section(details: &Details) -> AnyView {
    let more = format!("/assistants/{}/history", details.record.id);
    view! {
        <section class="card" aria-labelledby="timeline">
            <h2 id="timeline">"Activity"</h2>
            {list(&details.timeline)}
            <ShowMore shown=details.timeline.len() most=TIMELINE_PREVIEW more/>
        </section>
    }
    .into_any()
}

pub(super) fn list(timeline: &[TimelineItem]) -> AnyView {
    if timeline.is_empty() {
        return view! { <p>"No activity yet"</p> }.into_any();
    }
    let entry = |item: &TimelineItem| {
        let message = item.message.as_deref().map(|message| FailureCode::strip_code(message).to_owned());
        let lines = message.into_iter().chain(item.note.clone());
        view! {
            <li>
                <StatusBadge status=item.status/> " " <Time at=item.created_at/>
                {lines.map(|line| view! { <p class="hint">{line}</p> }).collect_view()}
            </li>
        }
    };
    view! { <ol class="timeline">{timeline.iter().map(entry).collect_view()}</ol> }.into_any()
}
