//! `/assistants/{id}`: the page of an assistant. Its regions are updated live by the page's stream.

mod access;
mod actions;
mod activate;
mod behavior;
mod billing;
mod bot;
mod health;
mod history;
pub(in crate::pages) mod payment;
mod people;
mod settings;
mod state;
mod steps;
mod timeline;
mod usage;
mod webhooks;

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::actions::{Action, disabled_reason};
use reef_domain::catalog::Catalog;
use reef_domain::wire::Status;
use reef_domain::{ErrorCode, Timestamp};
use reef_frontend::Live;
use reef_service::assistants::Details;
use reef_service::billing::CheckoutProgress;
use reef_service::{Caller, Services};

use crate::components::error_page::render_or_error;
use crate::components::notice::{FocusAfterForm, Notice};
use crate::components::page::{Head, Region};
use crate::error::AppError;
use crate::people::PeopleSummary;
use crate::request::redirect_page;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

pub(crate) use behavior::BehaviorPage;
pub(crate) use history::HistoryPage;
pub(crate) use people::PeoplePage;
pub(crate) use usage::UsagePage;

/// The data that the page is rendered from.
struct PageData {
    details: Details,
    catalog: Arc<Catalog>,
    now: Timestamp,
    /// The state of an unpaid order's payment; `None` for a paid assistant.
    progress: Option<CheckoutProgress>,
    people: PeopleSummary,
}

#[component]
pub(crate) fn AssistantPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    render_or_error(async move {
        let (services, caller) = authenticate().await?;
        match render(&services, &caller, &id).await {
            // The assistant may also be deleted between two reads of this request.
            Err(error) if error.code == ErrorCode::NotFound => {
                redirect_to_receipt(&services, &caller, &id).await
            }
            result => result,
        }
    })
}

async fn render(services: &Services, caller: &Caller, id: &str) -> Result<AnyView, AppError> {
    let details = services.get_details(caller, id).await?;
    let progress = payment::progress(services, caller, &details.record).await?;
    let people = PeopleSummary::load(services, caller, id).await?;
    let shown = PageData {
        details,
        catalog: services.catalog_to_show().await?,
        now: services.now(),
        progress,
        people,
    };
    let at_stage = stage(services, &shown).await?;
    page(&shown, at_stage)
}

/// The page of a deleted assistant leads to its receipt.
async fn redirect_to_receipt(services: &Services, caller: &Caller, id: &str) -> Result<AnyView, AppError> {
    let to = format!("/receipts/{}", services.get_receipt(caller, id).await?.id);
    redirect_page(&to);
    Ok(view! { <p><a href=to>"This assistant was deleted"</a></p> }.into_any())
}

/// The section that fits the status: payment, activation, steps of the deployment, or the bot.
async fn stage(services: &Services, shown: &PageData) -> Result<AnyView, AppError> {
    let details = &shown.details;
    if let Some(progress) = shown.progress {
        return Ok(payment::section(services, details, progress));
    }
    match details.record.status {
        // The status above says why it cannot be activated.
        Status::Purchased if disabled_reason(&details.record, Action::Activate).is_some() => {
            Ok(().into_any())
        }
        Status::Purchased => activate::section(services, details).await,
        Status::Active => bot::section(details),
        Status::Deploying | Status::Failed => Ok(steps::section(&details.steps)),
        Status::PendingPayment | Status::Stopped => Ok(().into_any()),
    }
}

fn page(shown: &PageData, at_stage: AnyView) -> Result<AnyView, AppError> {
    let details = &shown.details;
    let record = &details.record;
    let stream =
        Snapshot::of_assistant(details, &shown.people)?.stream(&format!("/live/assistants/{}", record.id));
    // A live update keeps a form that is being filled in, unless this key changes.
    let stage = format!("{} {}", record.status, record.payment_status);
    let name = record.name.clone();
    let (behavior, people) =
        (format!("/assistants/{}/behavior", record.id), format!("/assistants/{}/people", record.id));
    let usage = format!("/assistants/{}/usage", record.id);
    let access = access::section(record, &shown.people);
    let state = state::section(details, shown.progress);
    let (configuration, callbacks) = (settings::section(shown)?, webhooks::section(shown));
    let health = health::section(details, shown.now);
    let (actions, billing, timeline) =
        (actions::section(record), billing::section(details), timeline::section(details));
    let view = view! {
        <Head title=name.clone() description="The status, settings and billing of one assistant."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <Notice transient=true/>
        <Live path=stream/>
        <Region name="head">
            <h1>{name}</h1>
            <p>
                <a class="button quiet small" href=behavior>"Behavior"</a> " "
                <a class="button quiet small" href=people>"People"</a> " "
                <a class="button quiet small" href=usage>"Usage"</a>
            </p>
        </Region>
        <FocusAfterForm><Region name="state" announced=true>{state}</Region></FocusAfterForm>
        <Region name="access" announced=true>{access}</Region>
        <div class="split">
            <div>
                <Region name="stage" key=stage.clone()>{at_stage}</Region>
                <Region name="configuration" key=stage.clone()>{configuration}</Region>
            </div>
            <div>
                <Region name="health">{health}</Region>
                <Region name="actions" key=stage>{actions}</Region>
                <Region name="billing">{billing}</Region>
                <Region name="callbacks">{callbacks}</Region>
                <Region name="timeline">{timeline}</Region>
            </div>
        </div>
    };
    Ok(view.into_any())
}
