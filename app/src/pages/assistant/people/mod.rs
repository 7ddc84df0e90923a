//! `/assistants/{id}/people`: who has written to an assistant, who may talk to it, and what it remembers of them.

mod facts;
mod groups;
mod list;
mod owner;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::people::Role;
use reef_domain::query::Cursor;
use reef_domain::wire::AssistantRecord;
use reef_frontend::Live;

use crate::components::error_page::render_or_error;
use crate::components::notice::Notice;
use crate::components::page::{Head, Region};
use crate::error::AppError;
use crate::people::{PeopleData, PeopleList};
use crate::request::query_value;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

#[component]
pub(crate) fn PeoplePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    let after = |role: Role| query_value(role.as_str()).and_then(|text| Cursor::parse(&text));
    let after = (after(Role::Requested), after(Role::Approved), after(Role::Blocked));
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        let record = services.get_assistant(&caller, &id).await?;
        let first = PeopleData::load(&services, &caller, &id).await?;
        // The stream follows the first pages. Others are followed as far as the counts show their changes.
        let stream = Snapshot::of_people(&record, &first)?.stream(&format!("/live/assistants/{id}/people"));
        let (waiting, approved, blocked) = after;
        let shown = PeopleData {
            requests: first.requests.at(&services, &caller, &id, waiting).await?,
            approved: first.approved.at(&services, &caller, &id, approved).await?,
            blocked: first.blocked.at(&services, &caller, &id, blocked).await?,
            ..first
        };
        page(&record, &shown, stream, services.form_token())
    })
}

fn page(
    record: &AssistantRecord,
    shown: &PeopleData,
    stream: String,
    token: String,
) -> Result<AnyView, AppError> {
    let (name, back) = (record.name.clone(), format!("/assistants/{}", record.id));
    let behavior = format!("{back}/behavior");
    let list = |people: &PeopleList| list::section(&record.id, people);
    let (requests, approved, blocked) = (list(&shown.requests), list(&shown.approved), list(&shown.blocked));
    let owner = owner::section(record, &shown.owner, token)?;
    let (groups, facts) = (groups::section(&record.id, &shown.groups), facts::section(&record.id, shown));
    let view = view! {
        <Head title=format!("People of {name}") description="Who has written to an assistant and who may talk to it."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href=back>{name}</a></p>
        <Notice/>
        <Live path=stream/>
        <h1>"People"</h1>
        <p>"Who may talk to your assistant is set on the page " <a href=behavior>"Behavior"</a> ". The " <a href="/docs/owners">"guide for owners"</a> " explains both."</p>
        // No stream announces that someone has written.
        <div data-look-again="" hidden></div>
        <div class="split">
            <div>
                <Region name="requests" announced=true>{requests}</Region>
                <Region name="approved">{approved}</Region>
                <Region name="blocked">{blocked}</Region>
                <Region name="facts">{facts}</Region>
            </div>
            <div>
                <Region name="owner">{owner}</Region>
                <Region name="groups">{groups}</Region>
            </div>
        </div>
    };
    Ok(view.into_any())
}
