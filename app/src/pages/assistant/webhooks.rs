//! The webhooks of an assistant: its endpoint, and the deliveries with all their attempts.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::actions::{Action, disabled_reason};
use reef_domain::wire::{AssistantRecord, DeliveryState};
use reef_service::callbacks::{DeliveryAttempt, LoggedDelivery};

use super::PageData;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::{Refresh, Time};
use crate::functions::assistants::{Redeliver, TestCallback};

/// Deliveries on the assistant's own page; the history has more.
const DELIVERIES_SHOWN: usize = 5;

/// The newest deliveries, and a button that sends a test event.
pub(super) fn section(shown: &PageData) -> AnyView {
    let (details, record) = (&shown.details, &shown.details.record);
    // An unpaid order has no endpoint and no field to enter one.
    if shown.progress.is_some() {
        return ().into_any();
    }
    let newest = &details.callbacks[..details.callbacks.len().min(DELIVERIES_SHOWN)];
    let all = (details.callbacks.len() > DELIVERIES_SHOWN).then(|| {
        let history = format!("/assistants/{}/history", record.id);
        view! { <p><a class="button quiet small" href=history>"All deliveries"</a></p> }
    });
    view! {
        <section class="card" aria-labelledby="webhooks">
            <h2 id="webhooks">"Webhooks"</h2>
            <dl class="facts">
                <dt>"Endpoint"</dt>
                <dd>{record.user_callback_url.clone().unwrap_or_else(|| "Not set".to_owned())}</dd>
            </dl>
            {list(record, newest, shown.now, format!("/assistants/{}", record.id))}
            {all}
            {match disabled_reason(record, Action::TestCallback) {
                None => view! { <Test id=record.id.clone()/> }.into_any(),
                Some(refusal) => view! {
                    <div class="action">
                        <button type="button" class="quiet" disabled aria-describedby="no-test">"Send test event"</button>
                        <p class="hint" id="no-test">{refusal.reason} " " {refusal.hint}</p>
                    </div>
                }
                .into_any(),
            }}
        </section>
    }
    .into_any()
}

/// Deliveries with all their attempts. While one of them is retried, the page at `here` offers a refresh.
pub(super) fn list(
    record: &AssistantRecord,
    callbacks: &[LoggedDelivery],
    now: Timestamp,
    here: String,
) -> AnyView {
    if callbacks.is_empty() {
        let message = match &record.user_callback_url {
            Some(_) => "No deliveries yet. The next change of status sends one.",
            None => "Get status changes as signed webhooks.",
        };
        return view! { <p>{message} " " <a href="/docs/callbacks">"About webhooks"</a></p> }.into_any();
    }
    let is_any_pending = callbacks.iter().any(|callback| callback.delivery.state == DeliveryState::Pending);
    let one = |callback: &LoggedDelivery| delivery_entry(callback, record, now);
    view! {
        <ul class="deliveries">{callbacks.iter().map(one).collect_view()}</ul>
        {is_any_pending.then(|| view! { <Refresh to=here/> })}
    }
    .into_any()
}

#[component]
fn Test(id: String) -> impl IntoView {
    let form = Form::of::<TestCallback>("test-callback", &[]);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Send test event" busy="Sending…" class="quiet"/>
        </PostForm>
    }
}

/// A delivery keeps the endpoint that was set when its event happened, also when it is sent again.
fn delivery_entry(callback: &LoggedDelivery, record: &AssistantRecord, now: Timestamp) -> AnyView {
    let delivery = &callback.delivery;
    let url = record.user_callback_url.as_deref();
    let previous_endpoint = (url != Some(&*delivery.url)).then(
        || view! { <p class="hint">"Sent to " <code>{delivery.url.clone()}</code> " (previous endpoint)"</p> },
    );
    let (class, state) = match delivery.state {
        DeliveryState::Delivered => ("badge good", "Delivered"),
        DeliveryState::Pending if callback.attempts.is_empty() => ("badge warn", "Sending"),
        DeliveryState::Pending => ("badge warn", "Retrying"),
        DeliveryState::Failed => ("badge bad", "Failed"),
    };
    // The exact time stays true on a page that is not refreshed.
    let next = callback.next_attempt_at.map(|at| {
        if at > now {
            view! { <p class="hint">"Next attempt: " <Time at seconds=true/></p> }.into_any()
        } else {
            view! { <p class="hint">"Sending now."</p> }.into_any()
        }
    });
    let (assistant, id) = (record.id.clone(), delivery.id.to_string());
    let form = Form::of::<Redeliver>("redeliver", &[]).for_item("delivery", &id);
    view! {
        <li>
            <p class="delivery">
                <span class=class>{state}</span> " " <code>{delivery.kind.as_str()}</code> " " <Time at=delivery.created_at/>
            </p>
            {previous_endpoint}
            {next}
            <details id=format!("delivery-{}", delivery.id)>
                <summary>{attempt_count(callback.attempts.len())}</summary>
                <ul class="attempts">{callback.attempts.iter().map(attempt_entry).collect_view()}</ul>
                <pre tabindex="0" role="group" aria-label="Body"><code>{delivery.payload.clone()}</code></pre>
                <PostForm form class="inline">
                    <FormErrorMessage form/>
                    <input type="hidden" name="id" value=assistant/>
                    <input type="hidden" name="delivery" value=id/>
                    <Submit label="Resend" busy="Sending…" class="quiet small"/>
                </PostForm>
            </details>
        </li>
    }
    .into_any()
}

fn attempt_count(attempts: usize) -> String {
    match attempts {
        0 => "No attempts yet".to_owned(),
        1 => "1 attempt".to_owned(),
        _ => format!("{attempts} attempts"),
    }
}

fn attempt_entry(attempt: &DeliveryAttempt) -> AnyView {
    let outcome = match (attempt.status, &attempt.error) {
        (Some(status), None) => format!("Status {status}"),
        (Some(status), Some(error)) => format!("Status {status}: {error}"),
        (None, Some(error)) => error.clone(),
        (None, None) => "No response".to_owned(),
    };
    view! { <li><Time at=attempt.started_at/> " · " {outcome} {format!(" · {} ms", attempt.duration_ms)}</li> }
        .into_any()
}
