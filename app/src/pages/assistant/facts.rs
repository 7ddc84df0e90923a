//! The record, and what happened.

use leptos::prelude::*;
use reef_domain::wire::{AssistantRecord, PaymentStatus};

use crate::components::drawn::changing;
use crate::components::small::{StatusBadge, When};
use crate::functions::assistants::{Credit, Happened};
use crate::text;

/// What is set and known.
#[component]
pub(super) fn Facts(record: RwSignal<AssistantRecord>, credit: RwSignal<Option<Credit>>) -> impl IntoView {
    view! {
        <section aria-labelledby="facts">
            <h2 id="facts">"Facts"</h2>
            {changing(move || view! { <List record=record.get() credit=credit.get()/> }.into_any())}
        </section>
    }
    .into_any()
}

#[component]
fn List(record: AssistantRecord, credit: Option<Credit>) -> impl IntoView {
    let model = match (record.model_provider, record.model_id) {
        (Some(provider), Some(model)) => format!("{model} ({})", text::provider(provider)),
        _ => "not chosen yet".to_owned(),
    };
    let period = match record.payment_status {
        PaymentStatus::Canceled | PaymentStatus::Refunded => "Paid until",
        _ if record.canceled_at.is_some() => "Ends with the period on",
        _ => "Renews on",
    };
    let running = matches!(record.payment_status, PaymentStatus::Paid | PaymentStatus::PastDue);
    view! {
        <dl>
            <dt>"Mode"</dt>
            <dd>{text::mode(record.api_mode)}</dd>
            <dt>"Model"</dt>
            <dd>{model}</dd>
            <dt>"Callback URL"</dt>
            <dd>{record.user_callback_url.unwrap_or_else(|| "none".to_owned())}</dd>
            <dt>"Worker"</dt>
            <dd>{record.worker_name.unwrap_or_else(|| "none yet".to_owned())}</dd>
            <dt>"Payment"</dt>
            <dd>
                {text::payment(record.payment_status)}
                {running.then_some(". Stopping it does not stop the billing; deleting it does.")}
            </dd>
            {record.current_period_end.map(|end| view! {
                <dt>{period}</dt>
                <dd><When at=end/></dd>
            })}
            {credit.map(|credit| view! {
                <dt>"Model credit"</dt>
                <dd>
                    {format!("{} of {} USD used.", credit.used, credit.credited)}
                    {credit.is_used_up.then_some(
                        " It is used up: the assistant says so in its chats until the next paid period adds to it.",
                    )}
                </dd>
            })}
            <dt>"Ordered"</dt>
            <dd><When at=record.created_at/></dd>
            <dt>"Id"</dt>
            <dd><code>{record.id}</code></dd>
        </dl>
    }
    .into_any()
}

/// What happened to it, newest first.
#[component]
pub(super) fn Timeline(timeline: RwSignal<Vec<Happened>>) -> impl IntoView {
    let entry = |happened: Happened| {
        view! {
            <li>
                <When at=happened.at/> " "
                <StatusBadge status=happened.status/>
                {happened.message.map(|message| view! { <p class="hint">{message}</p> })}
            </li>
        }
        .into_any()
    };
    view! {
        <section aria-labelledby="timeline">
            <h2 id="timeline">"Timeline"</h2>
            {changing(move || if timeline.read().is_empty() {
                view! { <p>"Nothing has happened yet."</p> }.into_any()
            } else {
                view! { <ol class="timeline">{timeline.get().into_iter().map(entry).collect_view()}</ol> }.into_any()
            })}
        </section>
    }
    .into_any()
}
