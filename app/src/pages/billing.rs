//! `/billing`: the subscription of each assistant, and the way to the billing portal.

use std::sync::Arc;

use leptos::prelude::*;
use reef_domain::billing;
use reef_domain::wire::{AssistantRecord, PaymentStatus};
use reef_frontend::Live;
use reef_service::billing::CheckoutProgress;

use super::assistant::payment;
use crate::components::error_page::render_or_error;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::page::{Head, Region};
use crate::components::payment::{ResumeCheckoutForm, UpdateCard, payment_status};
use crate::components::time_and_status::{AutoRefresh, LocalizedSentence};
use crate::error::AppError;
use crate::flash;
use crate::functions::billing::OpenPortal;
use crate::labels;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

/// An assistant and, while it is unpaid, the state of its payment.
struct Entry {
    record: Arc<AssistantRecord>,
    progress: Option<CheckoutProgress>,
}

struct Billing {
    entries: Vec<Entry>,
    stream: String,
}

#[component]
pub(crate) fn BillingPage() -> impl IntoView {
    view! {
        <Head title="Billing" description="Your subscriptions, renewal dates and invoices."/>
        {render_or_error(async { Ok(page(load().await?)) })}
    }
}

async fn load() -> Result<Billing, AppError> {
    let (services, caller) = authenticate().await?;
    let records = services.list_assistants(&caller).await?;
    let verdicts = services.list_verdicts(&caller).await?;
    let stream = Snapshot::of_list(&records, &verdicts)?.stream("/live/assistants");
    let mut entries = Vec::with_capacity(records.len());
    let mut polar_answers = true;
    for record in records {
        let progress = match record.payment_status {
            // Once Polar fails to answer it is not asked again, because each request may take seconds.
            PaymentStatus::Pending if !polar_answers => Some(CheckoutProgress::Unknown),
            PaymentStatus::Pending => payment::progress(&services, &caller, &record).await?,
            _ => None,
        };
        polar_answers &= progress != Some(CheckoutProgress::Unknown);
        entries.push(Entry { record, progress });
    }
    Ok(Billing { entries, stream })
}

fn page(Billing { entries, stream }: Billing) -> AnyView {
    // It is no success, so it is not a toast.
    let notice = flash::notice().map(|notice| view! { <p class="notice" role="status">{notice.text()}</p> });
    let may_change = entries.iter().filter_map(|entry| entry.progress).any(payment::needs_polling);
    let list = if entries.is_empty() {
        view! { <Empty/> }.into_any()
    } else {
        view! { <ul class="card-grid">{entries.into_iter().map(card).collect_view()}</ul> }.into_any()
    };
    view! {
        <h1>"Billing"</h1>
        {notice}
        <Live path=stream/>
        <Portal/>
        <section aria-labelledby="subscriptions">
            <h2 id="subscriptions">"Subscriptions"</h2>
            <Region name="subscriptions">
                {list} {may_change.then(|| view! { <AutoRefresh to="/billing".to_owned()/> })}
            </Region>
        </section>
    }
    .into_any()
}

#[component]
fn Portal() -> impl IntoView {
    let form = Form::of::<OpenPortal>("portal", &[]).for_item("id", "");
    view! {
        <section aria-label="Billing portal">
            <p>
                "Payments are handled by Polar. In its billing portal you can see invoices, change your card, and cancel, pause or "
                "resume a subscription."
            </p>
            <PostForm form>
                <FormErrorMessage form/>
                <Submit label="Open billing portal" busy="Opening billing portal…"/>
            </PostForm>
        </section>
    }
}

#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="empty">
            <h3>"No subscriptions yet"</h3>
            <p>"Your subscriptions and renewal dates will appear here."</p>
            <p><a class="button" href="/assistants/new">"New assistant"</a></p>
        </div>
    }
}

fn card(Entry { record, progress }: Entry) -> AnyView {
    let (status, sentence) = match progress.map(payment::badge_and_sentence) {
        Some((badge, sentence)) => (badge.into_any(), sentence.into()),
        None => (payment_status(&record), billing::summary(&record)),
    };
    let name = record.name.clone();
    let button = match (record.payment_status, progress) {
        (PaymentStatus::PastDue, _) => {
            let (id, name) = (record.id.clone(), name.clone());
            Some(view! { <UpdateCard id name class="small"/> }.into_any())
        }
        // Nothing is left to pay while a payment is being confirmed.
        (PaymentStatus::Pending, Some(progress)) if progress != CheckoutProgress::Confirming => {
            let aria_label = format!("Go to checkout: {name}");
            let id = record.id.clone();
            Some(
                view! { <ResumeCheckoutForm id label="Go to checkout" aria_label=aria_label class="quiet small"/> }
                    .into_any(),
            )
        }
        _ => None,
    };
    view! {
        <li class="card entry">
            <h3><a href=format!("/assistants/{}", record.id)>{name}</a></h3>
            <p class="hint">{labels::plan_label(record.api_mode)} " · " {status}</p>
            <p><LocalizedSentence sentence/></p>
            {button}
        </li>
    }
    .into_any()
}
