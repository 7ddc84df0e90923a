//! `/assistants/{id}/history`: more deliveries and activity than the assistant's own page shows. It is not updated live.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::Timestamp;
use reef_service::assistants::History;
use reef_service::events::TIMELINE_MAX;

use super::{timeline, webhooks};
use crate::components::error_page::render_or_error;
use crate::components::page::Head;
use crate::server::authenticate;

#[component]
pub(crate) fn HistoryPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        Ok(page(&services.get_history(&caller, &id).await?, services.now()))
    })
}

fn page(History { record, timeline, callbacks }: &History, now: Timestamp) -> AnyView {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    view! {
        <Head
            title=format!("Activity and webhooks of {name}")
            description="The activity of an assistant and its webhook deliveries."
        />
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back.clone()>{name}</a></p>
        <h1>"Activity and webhooks"</h1>
        <p>{format!("Showing the latest {TIMELINE_MAX} of each.")}</p>
        <div class="split">
            <div>
                <section class="card" aria-labelledby="webhooks">
                    <h2 id="webhooks">"Webhook deliveries"</h2>
                    {webhooks::list(record, callbacks, now, format!("{back}/history"))}
                </section>
            </div>
            <div>
                <section class="card" aria-labelledby="timeline">
                    <h2 id="timeline">"Activity"</h2>
                    {timeline::list(timeline)}
                </section>
            </div>
        </div>
    }
    .into_any()
}
