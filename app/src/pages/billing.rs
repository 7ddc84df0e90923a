//! `/billing`: what is paid for, and the way to invoices and the card.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use reef_domain::billing;
use reef_domain::wire::{AssistantRecord, PaymentStatus};

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::page::{Head, Region, drawn_or_failure};
use crate::components::resume::Resume;
use crate::components::small::{Payment, Said};
use crate::error::AppError;
use crate::functions::billing::OpenPortal;
use crate::islands::Live;
use crate::server::signed_in;
use crate::snapshot::Snapshot;
use crate::text;

/// How every slot is paid.
#[component]
pub(crate) fn BillingPage() -> impl IntoView {
    view! {
        <Head title="Billing" description="What is paid for, until when, and how to change it."/>
        {drawn_or_failure(async { page(load().await?) })}
    }
}

async fn load() -> Result<Vec<AssistantRecord>, AppError> {
    let (services, caller) = signed_in().await?;
    Ok(services.list_assistants(&caller).await?)
}

fn page(slots: Vec<AssistantRecord>) -> Result<AnyView, AppError> {
    let stream = Snapshot::of_list(&slots)?.stream("/live/assistants");
    // Polar knows somebody from their first payment on.
    let has_nothing = use_query_map().with_untracked(|query| query.get_str("portal") == Some("none"));
    let notice = has_nothing.then(|| {
        view! {
            <p class="notice" role="status">
                "Polar has no invoices for this account yet: they begin with the first payment. If you paid with an e-mail "
                "address that Polar knew already, the link in Polar's e-mail leads to them."
            </p>
        }
    });
    let view = view! {
        <h1>"Billing"</h1>
        {notice}
        <Live path=stream/>
        <Portal/>
        <section aria-labelledby="slots">
            <h2 id="slots">"Slots"</h2>
            <Region name="slots">
                {if slots.is_empty() { view! { <Empty/> }.into_any() } else { view! { <Slots slots/> }.into_any() }}
            </Region>
        </section>
    };
    Ok(view.into_any())
}

#[component]
fn Portal() -> impl IntoView {
    let form = Form::of::<OpenPortal>("portal", &[]);
    view! {
        <section aria-label="Polar's pages">
        <p>
            "Payments go through Polar. On its pages you find your invoices, change the card, or cancel, pause or resume a "
            "subscription."
        </p>
        <PostForm form>
            <Problem form/>
            <Submit label="Invoices and payment method" busy="Opening Polar's pages…"/>
        </PostForm>
        </section>
    }
}

#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h3>"Nothing is charged"</h3>
            <p>"You have no slot. Each one you buy is listed here with what is paid for it, and until when."</p>
            <p><a class="button" href="/assistants/new">"Buy a slot"</a></p>
        </div>
    }
}

#[component]
fn Slots(slots: Vec<AssistantRecord>) -> impl IntoView {
    let row = |slot: AssistantRecord| {
        let (standing, payment) = (billing::standing(&slot), slot.payment_status);
        let spoken = format!("Go to checkout: {}", slot.name);
        let unpaid = payment == PaymentStatus::Pending;
        view! {
            <li class="card slot">
                <h3><a href=format!("/assistants/{}", slot.id)>{slot.name.clone()}</a></h3>
                <p class="hint">{text::mode(slot.api_mode)} " · " <Payment status=payment/></p>
                <p><Said sentence=standing/></p>
                {unpaid
                    .then(|| view! { <Resume id=slot.id label="Go to checkout" spoken=spoken class="quiet small"/> })}
            </li>
        }
    };
    view! { <ul class="cards-grid">{slots.into_iter().map(row).collect_view()}</ul> }
}
