//! `/assistants/{id}`: one assistant. What changes by itself sits in regions, which the page's stream keeps up to date.

mod actions;
mod activate;
mod billing;
mod callbacks;
mod configure;
mod hello;
mod history;
mod payment;
mod state;
mod steps;
mod timeline;

use std::sync::Arc;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::actions::{Action, refusal_of};
use reef_domain::catalog::Catalog;
use reef_domain::wire::Status;
use reef_domain::{ErrorCode, Timestamp};
use reef_service::assistants::{Details, PaymentStanding};
use reef_service::{Caller, Services};

use crate::components::notice::{Arrival, Done};
use crate::components::page::{Head, Region, drawn_or_failure};
use crate::error::AppError;
use crate::islands::Live;
use crate::server::{redirect_page, signed_in};
use crate::snapshot::Snapshot;

pub(crate) use history::HistoryPage;

/// What the page is drawn from.
struct Shown {
    details: Details,
    catalog: Arc<Catalog>,
    now: Timestamp,
    /// How the payment of an order stands; `None` once it is paid.
    standing: Option<PaymentStanding>,
}

/// The page.
#[component]
pub(crate) fn AssistantPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    drawn_or_failure(async move {
        let (services, caller) = signed_in().await?;
        match draw(&services, &caller, &id).await {
            // It may be deleted between two looks at it, too.
            Err(error) if error.code == ErrorCode::NotFound => {
                what_became_of_it(&services, &caller, &id).await
            }
            drawn => drawn,
        }
    })
}

async fn draw(services: &Services, caller: &Caller, id: &str) -> Result<AnyView, AppError> {
    let details = services.assistant_details(caller, id).await?;
    let standing = payment::standing(services, caller, &details.record).await?;
    let shown = Shown { details, catalog: services.catalog().await?, now: services.now(), standing };
    let at_stage = stage(services, caller, &shown).await?;
    page(&shown, at_stage)
}

/// Who still has the page of an assistant that was deleted elsewhere is led to its receipt.
async fn what_became_of_it(services: &Services, caller: &Caller, id: &str) -> Result<AnyView, AppError> {
    let to = format!("/receipts/{}", services.receipt(caller, id).await?.id);
    redirect_page(&to);
    Ok(view! { <p><a href=to>"It was deleted: see the receipt"</a></p> }.into_any())
}

/// What the page is for now: paying, activating, following a deployment, saying hello.
async fn stage(services: &Services, caller: &Caller, shown: &Shown) -> Result<AnyView, AppError> {
    let details = &shown.details;
    if let Some(standing) = shown.standing {
        return Ok(payment::section(services, details, standing));
    }
    match details.record.status {
        // What its money does not allow any more is said above.
        Status::Purchased if refusal_of(&details.record, Action::Activate).is_some() => Ok(().into_any()),
        Status::Purchased => activate::section(services, details).await,
        Status::Active => hello::section(services, caller, details).await,
        Status::Deploying | Status::Failed => Ok(steps::section(&details.steps)),
        Status::PendingPayment | Status::Stopped => Ok(().into_any()),
    }
}

fn page(shown: &Shown, at_stage: AnyView) -> Result<AnyView, AppError> {
    let details = &shown.details;
    let record = &details.record;
    let stream = Snapshot::of_assistant(details)?.stream(&format!("/live/assistants/{}", record.id));
    // Forms are kept while somebody fills them in, unless what they are for has changed.
    let stage = format!("{} {}", record.status, record.payment_status);
    let name = record.name.clone();
    let state = state::section(details, shown.standing);
    let (configuration, told) = (configure::section(shown)?, callbacks::section(shown));
    let (actions, money, past) =
        (actions::section(record), billing::section(details), timeline::section(details));
    let view = view! {
        <Head title=name.clone() description="One assistant: how it is, what it is set to, and what it costs."/>
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <Done fleeting=true/>
        <Live path=stream/>
        <Region name="head"><h1>{name}</h1></Region>
        <Arrival><Region name="state" spoken=true>{state}</Region></Arrival>
        <div class="split">
            <div>
                <Region name="stage" key=stage.clone()>{at_stage}</Region>
                <Region name="configuration" key=stage.clone()>{configuration}</Region>
                <Region name="callbacks">{told}</Region>
            </div>
            <div>
                <Region name="actions" key=stage>{actions}</Region>
                <Region name="billing">{money}</Region>
                <Region name="timeline">{past}</Region>
            </div>
        </div>
    };
    Ok(view.into_any())
}
