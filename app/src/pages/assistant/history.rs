//! `/assistants/{id}/history`: what happened and what was told, further back than the assistant's own page goes.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::Timestamp;
use reef_service::assistants::{History, SHOWN_MAX};

use super::{callbacks, timeline};
use crate::components::page::{Head, drawn_or_failure};
use crate::server::signed_in;

/// The page: as it was when it was loaded.
#[component]
pub(crate) fn HistoryPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    drawn_or_failure(async move {
        let (services, caller) = signed_in().await?;
        Ok(page(&services.assistant_history(&caller, &id).await?, services.now()))
    })
}

fn page(History { record, timeline, callbacks }: &History, now: Timestamp) -> AnyView {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    view! {
        <Head
            title=format!("History of {name}")
            description="What happened to one assistant, and what its owner's server was told of it."
        />
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back.clone()>{name}</a></p>
        <h1>"History"</h1>
        <p>{format!("The newest {SHOWN_MAX} of each are shown.")}</p>
        <div class="split">
            <div>
                <section class="card" aria-labelledby="callbacks">
                    <h2 id="callbacks">"Callbacks"</h2>
                    {callbacks::list(record, callbacks, now, format!("{back}/history"))}
                </section>
            </div>
            <div>
                <section class="card" aria-labelledby="timeline">
                    <h2 id="timeline">"Timeline"</h2>
                    {timeline::list(timeline)}
                </section>
            </div>
        </div>
    }
    .into_any()
}
