//! `/assistants/{id}/behavior`: how an assistant behaves, what it may use and spend, and what was changed about that.

mod form;
mod mcp;
mod revisions;
mod templates;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::query::Page;
use reef_domain::settings::SettingsRecord;
use reef_domain::wire::AssistantRecord;
use reef_frontend::Live;
use reef_service::settings::SettingsRevision;

use self::templates::{TEMPLATES, Template};
use crate::components::error_page::render_or_error;
use crate::components::notice::Notice;
use crate::components::page::{Head, Region};
use crate::error::AppError;
use crate::request::query_value;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

/// How many of the newest revisions the page shows.
const REVISIONS_SHOWN: i64 = 20;

#[component]
pub(crate) fn BehaviorPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    let chosen = query_value("template").unwrap_or_default();
    let template = TEMPLATES.iter().find(|template| template.slug == chosen);
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let settings = services.get_settings(&caller, &id).await?;
        let newest = Page { limit: REVISIONS_SHOWN, after: None };
        let (revisions, _) = services.list_settings_revisions(&caller, &id, Ok(Some(newest))).await?;
        page(&record, &settings, template, &revisions)
    })
}

fn page(
    record: &AssistantRecord,
    settings: &SettingsRecord,
    template: Option<&'static Template>,
    revisions: &[SettingsRevision],
) -> Result<AnyView, AppError> {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let (people, here) = (format!("{back}/people"), format!("{back}/behavior"));
    let stream = Snapshot::of_behavior(record, settings)?.stream(&format!("/live{here}"));
    let form = form::section(&record.id, settings, template);
    let servers = mcp::section(&record.id, &settings.mcp_servers);
    let revisions = revisions::section(&record.id, revisions, settings.revision);
    let view = view! {
        <Head title=format!("Behavior of {name}") description="How an assistant behaves and who may talk to it."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <Notice/>
        <Live path=stream/>
        <h1>"Behavior"</h1>
        <p>
            "Changes take effect with the next answer; nothing is restarted. Who has written to your assistant is on the page "
            <a href=people>"People"</a> "."
        </p>
        {templates::section(&here, template)}
        <div class="split">
            <div>
                <Region name="settings">{form}</Region>
                <Region name="mcp">{servers}</Region>
            </div>
            <div>
                <Region name="revisions">{revisions}</Region>
            </div>
        </div>
    };
    Ok(view.into_any())
}
