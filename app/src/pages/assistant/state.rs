//! Where the assistant stands, what that means, and the next sensible thing to do.

use leptos::prelude::*;
use reef_domain::actions::{Action, Refusal, refusal_of, starts_on_resume};
use reef_domain::sentence::Sentence;
use reef_domain::wire::{AssistantRecord, PaymentStatus, Status};
use reef_domain::{FailureCode, billing};
use reef_service::assistants::{Details, PaymentStanding};

use super::payment;
use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::small::{Refresh, Said, StatusBadge};
use crate::functions::assistants::Redeploy;
use crate::functions::billing::OpenPortal;

/// The status in a few words, read out when it changes.
pub(super) fn section(details: &Details, standing: Option<PaymentStanding>) -> AnyView {
    let record = &details.record;
    if let Some(standing) = standing {
        return order(record, standing);
    }
    let past_due = (record.payment_status == PaymentStatus::PastDue).then(|| past_due(record));
    let refresh = (record.status == Status::Deploying)
        .then(|| view! { <Refresh to=format!("/assistants/{}", record.id)/> });
    view! {
        <section class="state" aria-label="Status">
            {past_due}
            <p><StatusBadge status=record.status/></p>
            <p>{meaning(details)}</p>
            {mend(record)}
            {refresh}
        </section>
    }
    .into_any()
}

/// An order: all that is known of it is how its payment stands.
fn order(record: &AssistantRecord, standing: PaymentStanding) -> AnyView {
    let (badge, words) = payment::in_words(standing);
    view! {
        <section class="state" aria-label="Status">
            <p><span class=format!("badge {}", record.status)>{badge}</span></p>
            <p>{words}</p>
        </section>
    }
    .into_any()
}

/// A renewal that could not be charged, with the button that leads to the card.
fn past_due(record: &AssistantRecord) -> AnyView {
    let form = Form::of::<OpenPortal>("update-card", &[]);
    let words = match record.status {
        Status::Deploying | Status::Active => {
            format!("Payment failed. Update your card to keep {} running.", record.name)
        }
        _ => format!("Payment failed. Update your card to keep {}.", record.name),
    };
    view! {
        <div class="notice bad">
            <p>{words}</p>
            <PostForm form class="inline">
                <Problem form/>
                <Submit label="Update card" busy="Opening Polar’s pages…"/>
            </PostForm>
        </div>
    }
    .into_any()
}

/// Why it is as it is, by code.
fn failure(record: &AssistantRecord) -> Option<FailureCode> {
    FailureCode::of_message(record.status_message.as_deref()?)
}

/// A message is `CODE: a sentence with the way out`; people need the sentence.
fn meaning(details: &Details) -> String {
    let record = &details.record;
    if details.is_changing {
        return "Your change is being deployed. If it does not work, your previous settings come back automatically."
            .to_owned();
    }
    if starts_on_resume(record) {
        let name = &record.name;
        return format!(
            "Your subscription is paused, so {name} is stopped. It starts again automatically when you resume."
        );
    }
    let told = record.status_message.as_deref().map(FailureCode::in_words);
    if record.status == Status::Purchased
        && let Some(Refusal { why, instead }) = refusal_of(record, Action::Activate)
    {
        return format!("{why} {instead}");
    }
    let plain = match record.status {
        Status::PendingPayment => "Awaiting payment.",
        Status::Purchased => "Paid. Now give it a name, a model and a bot.",
        Status::Deploying => "Being deployed: bot and model are tried, then the worker starts.",
        Status::Active => "Running. Write to your bot in Telegram.",
        Status::Failed => "It could not be started.",
        Status::Stopped => "Not running. Its memory is kept.",
    };
    told.unwrap_or(plain).to_owned()
}

/// The button that mends a failure. Nothing mends what has lost its subscription.
fn mend(record: &AssistantRecord) -> Option<AnyView> {
    let link =
        |to: &'static str, words: &'static str| view! { <a class="button" href=to>{words}</a> }.into_any();
    let has_ended = record.payment_status.has_ended();
    let button = match record.status {
        Status::Purchased | Status::Failed | Status::Stopped
            if record.payment_status == PaymentStatus::Paused =>
        {
            view! { <ResumeSubscription/> }.into_any()
        }
        Status::Purchased | Status::Failed | Status::Stopped if has_ended => {
            link("/assistants/new", "Buy a new slot")
        }
        Status::Failed | Status::Stopped => mend_failure(record, link)?,
        Status::Active => change_again(record, link)?,
        _ => return None,
    };
    Some(view! { <div class="actions">{button}</div> }.into_any())
}

/// After a change that was undone: where to try it again.
fn change_again(
    record: &AssistantRecord,
    link: impl Fn(&'static str, &'static str) -> AnyView,
) -> Option<AnyView> {
    let to = match failure(record)? {
        FailureCode::TelegramTokenRejected | FailureCode::TelegramConflict => "#edit-telegram_bot_token",
        FailureCode::ModelKeyRejected => "#edit-model_api_key",
        _ => "#edit-model",
    };
    Some(link(to, "Change it again"))
}

fn mend_failure(
    record: &AssistantRecord,
    link: impl Fn(&'static str, &'static str) -> AnyView,
) -> Option<AnyView> {
    let button = match failure(record)? {
        FailureCode::TelegramTokenRejected | FailureCode::TelegramConflict => {
            link("#edit-telegram_bot_token", "Give it another bot token")
        }
        FailureCode::ModelKeyRejected => link("#edit-model_api_key", "Give it another model key"),
        FailureCode::ModelUnavailable => link("#edit-model", "Choose another model"),
        // A subscription that is over or paused is mended above.
        FailureCode::SubscriptionEnded | FailureCode::SubscriptionPaused => return None,
        FailureCode::DeployTimeout
        | FailureCode::WorkerStartFailed
        | FailureCode::HealthCheckFailed
        | FailureCode::WorkerMissing => {
            view! { <Again id=record.id.clone() costs=billing::consequence(record, Action::Redeploy)/> }
                .into_any()
        }
    };
    Some(button)
}

/// Leads to Polar's pages, where a paused subscription is resumed.
#[component]
fn ResumeSubscription() -> impl IntoView {
    let form = Form::of::<OpenPortal>("resume", &[]);
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <Submit label="Resume your subscription" busy="Opening Polar's pages…"/>
        </PostForm>
    }
}

#[component]
fn Again(id: String, costs: Sentence) -> impl IntoView {
    let form = Form::of::<Redeploy>("again", &[]);
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Try again" busy="Redeploying…"/>
        </PostForm>
        <p class="hint"><Said sentence=costs/></p>
    }
}

#[cfg(test)]
mod tests {
    use super::FailureCode;

    #[test]
    fn every_failure_has_a_sentence() {
        for code in FailureCode::ALL {
            let message = code.to_string();
            assert_eq!(message.split_once(": ").map(|(_, said)| said), Some(code.sentence()));
        }
    }
}
