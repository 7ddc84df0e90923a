//! `/receipts` and `/receipts/{id}`: what the deletion of an assistant has removed, and whether its subscription has ended.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use reef_domain::query::Cursor;
use reef_domain::sentence::Sentence;
use reef_frontend::Live;
use reef_service::assistants::{End, Receipt, SubscriptionEnd};

use crate::components::error_page::render_or_error;
use crate::components::page::{Head, Region};
use crate::components::time_and_status::{Day, LocalizedSentence, Time};
use crate::request::query_value;
use crate::server::authenticate;
use crate::snapshot::Snapshot;

#[component]
pub(crate) fn ReceiptsPage() -> impl IntoView {
    let from = query_value("from").as_deref().and_then(Cursor::parse);
    view! {
        <Head title="Deleted assistants" description="The assistants that you have deleted in the last 90 days."/>
        {render_or_error(async move {
            let (services, caller) = authenticate().await?;
            let (receipts, next) = services.list_receipts(&caller, from).await?;
            Ok(list(receipts, next))
        })}
    }
}

#[component]
pub(crate) fn ReceiptPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("id")).unwrap_or_default();
    view! {
        <Head title="Deleted assistant" description="What was deleted with an assistant."/>
        {render_or_error(async move {
            let (services, caller) = authenticate().await?;
            let receipt = services.get_receipt(&caller, &id).await?;
            let stream = Snapshot::of_receipt(&receipt)?.stream(&format!("/live/receipts/{}", receipt.id));
            Ok(details(receipt, stream))
        })}
    }
}

fn list(receipts: Vec<Receipt>, next: Option<Cursor>) -> AnyView {
    if receipts.is_empty() {
        return view! {
            <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
            <h1>"Deleted assistants"</h1>
            <div class="empty">
                <h2>"No deleted assistants"</h2>
                <p>"Deletion records appear here for 90 days."</p>
            </div>
        }
        .into_any();
    }
    let row = |receipt: Receipt| {
        view! {
            <tr>
                <th scope="row"><a href=format!("/receipts/{}", receipt.id)>{receipt.name.clone()}</a></th>
                <td data-label="Deleted"><Time at=receipt.deleted_at/></td>
                <td data-label="Subscription"><LocalizedSentence sentence=subscription_sentence(&receipt)/></td>
            </tr>
        }
    };
    view! {
        <p class="crumbs"><a href="/assistants">"Assistants"</a></p>
        <h1>"Deleted assistants"</h1>
        <table class="cards linked-rows">
            <thead>
                <tr><th scope="col">"Name"</th><th scope="col">"Deleted"</th><th scope="col">"Subscription"</th></tr>
            </thead>
            <tbody>{receipts.into_iter().map(row).collect_view()}</tbody>
        </table>
        {next.map(|from| view! { <p><a class="button quiet" href=format!("/receipts?from={from}")>"Older deletions"</a></p> })}
    }
    .into_any()
}

fn details(receipt: Receipt, stream: String) -> AnyView {
    let kept_until = receipt.expires_at;
    view! {
        <p class="crumbs"><a href="/assistants">"Assistants"</a> " / " <a href="/receipts">"Deleted assistants"</a></p>
        <h1>{receipt.name.clone()} " was deleted"</h1>
        <Live path=stream/>
        <Region name="receipt" announced=true>{facts(receipt)}</Region>
        <p class="hint">"This record is kept until " <Day at=kept_until/> "."</p>
        <p><a class="button quiet" href="/assistants">"Go to dashboard"</a></p>
    }
    .into_any()
}

fn facts(receipt: Receipt) -> AnyView {
    let is_pending = is_pending(&receipt);
    let (again, subscription) = (format!("/receipts/{}", receipt.id), subscription_sentence(&receipt));
    let managed_key = receipt
        .managed_key
        .map(|end| view! { <dt>"Managed model key"</dt> <dd><LocalizedSentence sentence=end_sentence(end, "Deletion", "Deleted")/></dd> });
    let additional_payments = (!receipt.other_subscriptions.is_empty()).then(|| {
        let end = |end: &End| view! { <LocalizedSentence sentence=end_sentence(*end, "Cancellation", "Canceled")/> ". " };
        let ends = receipt.other_subscriptions.iter().map(end).collect_view();
        view! { <dt>"Additional payment"</dt> <dd>{ends} "It isn’t refunded automatically. Contact support for a refund."</dd> }
    });
    view! {
        <div class="card">
            <dl class="facts">
                <dt>"Deleted"</dt>
                <dd><Time at=receipt.deleted_at/></dd>
                <dt>"Bot token"</dt>
                <dd>{deleted_or_none(receipt.had_bot_token)}</dd>
                <dt>"Model API key"</dt>
                <dd>{deleted_or_none(receipt.had_model_key)}</dd>
                {managed_key}
                <dt>"Conversations"</dt>
                <dd>"Deleted"</dd>
                <dt>"Subscription"</dt>
                <dd><LocalizedSentence sentence=subscription/></dd>
                {additional_payments}
                <dt>"Assistant ID"</dt>
                <dd><code>{receipt.id}</code></dd>
            </dl>
        </div>
        {is_pending.then(|| view! {
            <p class="notice">
                "We’ll keep retrying until it’s confirmed. No action needed. " <a class="without-script" href=again>"Refresh"</a>
            </p>
        })}
    }
    .into_any()
}

fn is_pending(receipt: &Receipt) -> bool {
    let subscription = receipt.subscription == SubscriptionEnd::Revoked(End::Pending);
    let others = receipt.other_subscriptions.iter().chain(receipt.managed_key.iter());
    subscription || others.into_iter().any(|end| *end == End::Pending)
}

const fn deleted_or_none(was_there: bool) -> &'static str {
    if was_there { "Deleted" } else { "None" }
}

/// `noun` and `past` name the same thing: “Deletion pending”, “Deleted on …”.
fn end_sentence(end: End, noun: &str, past: &str) -> Sentence {
    match end {
        End::Pending => format!("{noun} pending").into(),
        End::Confirmed(None) => past.into(),
        End::Confirmed(Some(at)) => Sentence::from(format!("{past} on ")).day(at),
    }
}

fn subscription_sentence(receipt: &Receipt) -> Sentence {
    match receipt.subscription {
        // Polar may still confirm a payment that was made before the deletion.
        SubscriptionEnd::NeverPaid if receipt.other_subscriptions.is_empty() => {
            "None. If a payment arrives later, its subscription is canceled immediately".into()
        }
        SubscriptionEnd::NeverPaid => {
            "None when you deleted the assistant; a payment arrived afterwards".into()
        }
        SubscriptionEnd::AlreadyEnded => "Ended before the deletion".into(),
        SubscriptionEnd::Revoked(end) => end_sentence(end, "Cancellation", "Canceled"),
    }
}
