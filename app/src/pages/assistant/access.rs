//! What needs a decision about who may talk to an assistant: people who wait, and an owner who is missing or may be someone else.

use leptos::prelude::*;
use reef_domain::wire::{AssistantRecord, Status};

use crate::people::PeopleSummary;

/// Empty while nothing needs a decision.
pub(super) fn section(record: &AssistantRecord, people: &PeopleSummary) -> AnyView {
    // Before activation there is no bot to write to.
    if matches!(record.status, Status::PendingPayment | Status::Purchased) {
        return ().into_any();
    }
    let here = format!("/assistants/{}/people", record.id);
    let waiting = match people.waiting {
        0 => None,
        1 => Some("1 person is waiting for your approval.".to_owned()),
        count => Some(format!("{count} people are waiting for your approval.")),
    };
    let waiting = waiting.map(|sentence| notice(sentence, format!("{here}#requested"), "Review requests"));
    let owner = match &people.owner.owner {
        None => Some(notice(
            "Nobody owns this assistant in Telegram yet.".to_owned(),
            format!("{here}#owner"),
            "Create owner link",
        )),
        Some(owner) if people.owner.can_be_disowned_until.is_some() => Some(notice(
            format!("{} became the owner by writing first.", owner.name),
            format!("{here}#owner"),
            "Check the owner",
        )),
        Some(_) => None,
    };
    view! { {waiting} {owner} }.into_any()
}

fn notice(sentence: String, to: String, label: &'static str) -> AnyView {
    view! { <p class="notice">{sentence} " " <a href=to>{label}</a></p> }.into_any()
}
