//! The status of an assistant, what it means, and the button for the next step.

use leptos::prelude::*;
use reef_domain::FailureCode;
use reef_domain::actions::{Action, DisabledReason, disabled_reason, restarts_on_resume};
use reef_domain::failure::restored_settings;
use reef_domain::wire::{AssistantRecord, PaymentStatus, Status};
use reef_service::assistants::Details;
use reef_service::billing::CheckoutProgress;

use super::payment;
use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::payment::{UpdateCard, cancellation_badge};
use crate::components::time_and_status::{Refresh, StatusBadge};
use crate::functions::assistants::Redeploy;
use crate::functions::billing::OpenPortal;
use crate::labels;

/// The status. Screen readers read it out when it changes.
pub(super) fn section(details: &Details, progress: Option<CheckoutProgress>) -> AnyView {
    let record = &details.record;
    if let Some(progress) = progress {
        return order(record, progress);
    }
    let refresh = (record.status == Status::Deploying)
        .then(|| view! { <Refresh to=format!("/assistants/{}", record.id)/> });
    view! {
        <section class="state" aria-label="Status">
            {payment_notice(record)}
            <p>{badge(record)} " " {cancellation_badge(record)}</p>
            <p>{meaning(details)}</p>
            {restored(details).map(|sentence| view! { <p>{sentence}</p> })}
            {next_step(record)}
            {refresh}
        </section>
    }
    .into_any()
}

fn order(record: &AssistantRecord, progress: CheckoutProgress) -> AnyView {
    let (badge, sentence) = payment::badge_and_sentence(progress);
    view! {
        <section class="state" aria-label="Status">
            <p><span class=format!("badge {}", record.status)>{badge}</span></p>
            <p>{sentence}</p>
        </section>
    }
    .into_any()
}

/// An assistant that cannot be activated is not called ready for it.
fn badge(record: &AssistantRecord) -> AnyView {
    let status = record.status;
    if status == Status::Purchased && disabled_reason(record, Action::Activate).is_some() {
        let payment = labels::payment_label(record.payment_status);
        return view! { <span class="badge warn">{payment}</span> }.into_any();
    }
    view! { <StatusBadge status/> }.into_any()
}

fn payment_notice(record: &AssistantRecord) -> Option<AnyView> {
    match record.payment_status {
        PaymentStatus::PastDue => Some(past_due(record)),
        PaymentStatus::Refunded => {
            let sentence = "Your payment was refunded, so the subscription has ended.";
            Some(view! { <p class="notice warn">{sentence}</p> }.into_any())
        }
        _ => None,
    }
}

/// A renewal that could not be charged.
fn past_due(record: &AssistantRecord) -> AnyView {
    let sentence = match record.status {
        Status::Deploying | Status::Active => {
            format!("Payment failed. Update your card to keep {} running.", record.name)
        }
        _ => format!("Payment failed. Update your card to keep {}.", record.name),
    };
    view! {
        <div class="notice bad">
            <p>{sentence}</p>
            <UpdateCard id=record.id.clone() name=record.name.clone()/>
        </div>
    }
    .into_any()
}

fn failure(record: &AssistantRecord) -> Option<FailureCode> {
    FailureCode::from_message(record.status_message.as_deref()?)
}

/// A status message begins with a failure code, which people are not shown.
fn meaning(details: &Details) -> String {
    let record = &details.record;
    if details.is_changing {
        let restored = restored_settings(record.api_mode);
        return format!(
            "Your change is being deployed. If it fails, your previous {restored} are restored automatically."
        );
    }
    if restarts_on_resume(record) {
        let name = &record.name;
        return format!(
            "Your subscription is paused, so {name} is stopped. {name} starts again automatically when you resume the subscription."
        );
    }
    let message = record.status_message.as_deref().map(FailureCode::strip_code);
    if record.status == Status::Purchased
        && let Some(DisabledReason { reason: why, hint: instead }) = disabled_reason(record, Action::Activate)
    {
        return format!("{why} {instead}");
    }
    let plain = match record.status {
        Status::PendingPayment => "Awaiting payment.",
        Status::Purchased => "Payment complete. Set up your assistant.",
        Status::Deploying => "Deploying: checking bot and model, then starting.",
        Status::Active => "Live on Telegram.",
        Status::Failed => "Couldn’t start.",
        Status::Stopped => "Stopped. Conversations are kept.",
    };
    message.unwrap_or(plain).to_owned()
}

/// What is left of an undone change: the name and the webhook URL, which apply without a deployment. The status message says why
/// it was undone and what was restored.
fn restored(details: &Details) -> Option<&'static str> {
    let record = &details.record;
    let is_undone = matches!(record.status, Status::Active | Status::Deploying)
        && record.status_message.is_some()
        && !details.is_changing;
    is_undone.then_some("The name and the webhook URL stay as you saved them.")
}

/// The button for the next step. An assistant whose subscription has ended can only be replaced.
fn next_step(record: &AssistantRecord) -> Option<AnyView> {
    let link =
        |to: &'static str, label: &'static str| view! { <a class="button" href=to>{label}</a> }.into_any();
    let has_ended = record.payment_status.has_ended();
    let button = match record.status {
        Status::Purchased | Status::Failed | Status::Stopped
            if record.payment_status == PaymentStatus::Paused =>
        {
            view! { <ResumeSubscription id=record.id.clone()/> }.into_any()
        }
        Status::Purchased | Status::Failed | Status::Stopped if has_ended => {
            link("/assistants/new", "New assistant")
        }
        Status::Failed | Status::Stopped => fix_failure(record, link)?,
        Status::Active => edit_again(record, link)?,
        _ => return None,
    };
    Some(view! { <div class="actions">{button}</div> }.into_any())
}

/// Leads to the field at which an undone change failed.
fn edit_again(
    record: &AssistantRecord,
    link: impl Fn(&'static str, &'static str) -> AnyView,
) -> Option<AnyView> {
    let to = match failure(record)? {
        FailureCode::TelegramTokenRejected | FailureCode::TelegramConflict => "#edit-telegram_bot_token",
        FailureCode::ModelKeyRejected => "#edit-model_api_key",
        _ => "#edit-model",
    };
    Some(link(to, "Edit again"))
}

fn fix_failure(
    record: &AssistantRecord,
    link: impl Fn(&'static str, &'static str) -> AnyView,
) -> Option<AnyView> {
    let button = match failure(record)? {
        FailureCode::TelegramTokenRejected | FailureCode::TelegramConflict => {
            link("#edit-telegram_bot_token", "Update bot token")
        }
        FailureCode::ModelKeyRejected => link("#edit-model_api_key", "Update API key"),
        FailureCode::ModelUnavailable => link("#edit-model", "Choose another model"),
        // `next_step` has the button for these.
        FailureCode::SubscriptionEnded | FailureCode::SubscriptionPaused => return None,
        FailureCode::DeployTimeout
        | FailureCode::WorkerStartFailed
        | FailureCode::HealthCheckFailed
        | FailureCode::WorkerMissing => view! { <DeployAgain id=record.id.clone()/> }.into_any(),
    };
    Some(button)
}

/// Opens the billing portal, where a paused subscription is resumed.
#[component]
fn ResumeSubscription(id: String) -> impl IntoView {
    let form = Form::of::<OpenPortal>("resume", &[]).for_item("id", &id);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Resume your subscription" busy="Opening billing portal…"/>
        </PostForm>
    }
}

#[component]
fn DeployAgain(id: String) -> impl IntoView {
    let form = Form::of::<Redeploy>("again", &[]);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Try again" busy="Redeploying…"/>
        </PostForm>
    }
}

#[cfg(test)]
mod tests {
    use super::FailureCode;

    #[test]
    fn failure_message_contains_its_sentence() {
        for code in FailureCode::ALL {
            let message = code.to_string();
            assert_eq!(message.split_once(": ").map(|(_, rest)| rest), Some(code.sentence()));
        }
    }
}
