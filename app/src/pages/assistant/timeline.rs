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
    let entry = |(at, status, message): &TimelineItem| {
        let message = message.as_deref().map(|message| FailureCode::strip_code(message).to_owned());
        view! {
            <li>
                <StatusBadge status=*status/> " " <Time at=*at/>
                {message.map(|message| view! { <p class="hint">{message}</p> })}
            </li>
        }
    };
    view! { <ol class="timeline">{timeline.iter().map(entry).collect_view()}</ol> }.into_any()
}
