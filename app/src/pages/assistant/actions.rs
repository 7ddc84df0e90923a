//! What can be done with an assistant now; what cannot is shown too, with why.

use leptos::prelude::*;
use reef_domain::state::Event;
use reef_domain::wire::{AssistantRecord, PaymentStatus, Status};

use super::Live;
use crate::components::drawn::changing;
use crate::components::field::TextField;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::functions::assistants::{Delete, Redeploy, Stop};

/// Redeploy, edit, stop, delete.
#[component]
pub(super) fn Actions(live: Live) -> impl IntoView {
    let Live { record, accepted, .. } = live;
    // Drawn afresh only when something else is possible: what is being typed stays.
    let possible = Memo::new(move |_| (record.read().status, record.read().payment_status, accepted.get()));
    view! {
        <section aria-labelledby="actions">
            <h2 id="actions">"Actions"</h2>
            {changing(move || {
                possible.get();
                let now = record.get_untracked();
                view! {
                    <Redeploying live why_not=redeploy_forbidden(&now)/>
                    {edit_forbidden(now.status).map(|why| view! { <Forbidden label="Edit" why/> })}
                    <Stopping live why_not=stop_forbidden(now.status)/>
                    <Deleting live/>
                }
                .into_any()
            })}
        </section>
    }
}

/// Why it cannot be redeployed now.
fn redeploy_forbidden(record: &AssistantRecord) -> Option<&'static str> {
    let redeploy = Event::Redeploy { deadline: record.updated_at };
    match record.status {
        Status::PendingPayment => Some("Pay for it first."),
        Status::Purchased => Some("Activate it first."),
        status if !redeploy.allowed().contains(&status) => Some("It is being deployed already."),
        _ if matches!(record.payment_status, PaymentStatus::Paid | PaymentStatus::PastDue) => None,
        _ => Some("Its subscription is not active. Buy a new slot."),
    }
}

/// Why it cannot be edited now. Before activation the activation form is where to do it.
fn edit_forbidden(status: Status) -> Option<&'static str> {
    let editable = Event::Patch.allowed().contains(&status);
    match status {
        _ if editable => None,
        Status::PendingPayment => Some("Pay for it first."),
        _ => Some("Stop it first: a running assistant is not changed."),
    }
}

/// Why it cannot be stopped now. Stopping a stopped one would do no harm, nor any good.
fn stop_forbidden(status: Status) -> Option<&'static str> {
    let stoppable = Event::Stop.allowed().contains(&status) && status != Status::Stopped;
    (!stoppable).then_some("It is not running.")
}

/// An action that is not possible now.
#[component]
fn Forbidden(label: &'static str, why: &'static str) -> impl IntoView {
    let id = format!("why-not-{}", label.to_lowercase());
    view! {
        <div class="action">
            <button type="button" disabled aria-describedby=id.clone()>{label}</button>
            <p class="hint" id=id>{why}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Redeploying(live: Live, why_not: Option<&'static str>) -> impl IntoView {
    if let Some(why) = why_not {
        return view! { <Forbidden label="Redeploy" why/> }.into_any();
    }
    let form = Form::of::<Redeploy>("redeploy", &["callbackUrl"]);
    live.take_answers_of(form);
    let record = live.record.get_untracked();
    view! {
        <details class="action" open=form.has_failed() || record.status != Status::Active>
            <summary>"Redeploy"</summary>
            <PostForm form>
                <Problem form/>
                <p>"Starts a fresh worker with what is set now; the old one is gone before."</p>
                <input type="hidden" name="id" value=record.id/>
                <TextField
                    form
                    name="callback_url"
                    path=&["callbackUrl"]
                    label="Callback URL"
                    value=record.user_callback_url.unwrap_or_default()
                    hint="Emptied, nobody is told of status changes any more."
                    optional=true
                />
                <Submit form label="Redeploy now" busy="Redeploying…"/>
            </PostForm>
        </details>
    }
    .into_any()
}

#[component]
fn Stopping(live: Live, why_not: Option<&'static str>) -> impl IntoView {
    if let Some(why) = why_not {
        return view! { <Forbidden label="Stop" why/> }.into_any();
    }
    let form = Form::of::<Stop>("stop", &[]);
    live.take_answers_of(form);
    view! {
        <details class="action confirm" open=form.has_failed()>
            <summary>"Stop"</summary>
            <PostForm form>
                <Problem form/>
                <p>
                    "The bot answers nobody until you redeploy. Stopping does not stop the billing: the subscription goes on."
                </p>
                <input type="hidden" name="id" value=live.record.get_untracked().id/>
                <Submit form label="Stop it now" busy="Stopping…"/>
            </PostForm>
        </details>
    }
    .into_any()
}

#[component]
fn Deleting(live: Live) -> impl IntoView {
    let form = Form::of::<Delete>("delete", &[]);
    let record = live.record.get_untracked();
    let billing = match record.payment_status {
        PaymentStatus::Pending => {
            "A checkout that is still open counts for nothing: a later payment is given back."
        }
        PaymentStatus::Paid | PaymentStatus::PastDue => {
            "The subscription is revoked, and nothing is charged any more."
        }
        PaymentStatus::Canceled | PaymentStatus::Refunded => "Its subscription has ended already.",
    };
    view! {
        <details class="action confirm" open=form.has_failed()>
            <summary>"Delete"</summary>
            <PostForm form>
                <Problem form/>
                <p>
                    "The worker is removed; the bot token, the model key and all conversations are destroyed. " {billing}
                    " This cannot be undone."
                </p>
                <input type="hidden" name="id" value=record.id/>
                <Submit form label="Delete it for good" busy="Deleting…" danger=true/>
            </PostForm>
        </details>
    }
    .into_any()
}
