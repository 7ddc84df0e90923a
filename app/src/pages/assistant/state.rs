//! Where the assistant stands, in a sentence.

use leptos::prelude::*;
use reef_domain::wire::{AssistantRecord, Status};

use crate::components::drawn::changing;
use crate::components::small::StatusBadge;

/// The status with what it means and what can be done; read out when it changes.
#[component]
pub(super) fn State(record: RwSignal<AssistantRecord>) -> impl IntoView {
    view! {
        <section class="state" aria-label="Status" aria-live="polite">
            {changing(move || view! { <Now record=record.get()/> }.into_any())}
        </section>
    }
    .into_any()
}

#[component]
fn Now(record: AssistantRecord) -> impl IntoView {
    let meaning = meaning(&record);
    let worker = record.worker_url.map(|url| {
        view! { <p>"Its worker: " <a href=url.clone() rel="external">{url.clone()}</a></p> }
    });
    let refresh = (record.status == Status::Deploying)
        .then(|| view! { <p class="without-script"><a href="" rel="external">"Refresh"</a></p> });
    view! {
        <p class="now"><StatusBadge status=record.status/></p>
        <p>{meaning}</p>
        {worker}
        {refresh}
    }
}

/// One plain sentence. A message is `CODE: a sentence with the way out`; people need the sentence.
fn meaning(record: &AssistantRecord) -> String {
    let told = record
        .status_message
        .as_deref()
        .map(|message| message.split_once(": ").map_or(message, |(_, said)| said));
    let plain = match record.status {
        Status::PendingPayment => "Ordered, and not paid yet.",
        Status::Purchased => "Paid. Now give it a name, a model and a bot.",
        Status::Deploying => "Being deployed: the bot and the model are checked, then the worker starts.",
        Status::Active => "Running. Message your bot in Telegram.",
        Status::Failed => "It could not be started.",
        Status::Stopped => "Not running. Its memory is kept.",
    };
    told.unwrap_or(plain).to_owned()
}

#[cfg(test)]
mod tests {
    use reef_domain::FailureCode;

    #[test]
    fn every_failure_has_a_sentence() {
        for code in FailureCode::ALL {
            let message = code.to_string();
            assert_eq!(message.split_once(": ").map(|(_, said)| said), Some(code.sentence()));
        }
    }
}
