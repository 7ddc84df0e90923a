//! How a running assistant is: what it stands on, what is wrong, and the way out.

use leptos::prelude::*;
use reef_domain::Timestamp;
use reef_domain::health::{HealthCode, HealthLeg, Verdict};
use reef_domain::wire::{ApiMode, Status};
use reef_service::assistants::Details;

use crate::components::health::HealthDot;
use crate::components::time_and_status::{Age, Time};
use crate::labels;

/// Nothing is known of an assistant that doesn't run, and its status says why.
pub(super) fn section(details: &Details, now: Timestamp) -> AnyView {
    let (record, health) = (&details.record, &details.health);
    if record.status != Status::Active {
        return ().into_any();
    }
    let legs = &health.legs;
    let rows = [("Assistant", &legs.worker), ("Telegram", &legs.telegram), ("Model", &legs.model)];
    let rows = rows.map(|(name, leg)| row(name, leg, record.api_mode, now)).collect_view();
    let class = match health.verdict {
        Verdict::Ok => "badge good",
        Verdict::Warning => "badge warn",
        Verdict::Failing => "badge bad",
        Verdict::Unknown => "badge",
    };
    view! {
        <section class="card" aria-labelledby="health">
            <h2 id="health">"Health"</h2>
            <p><span class=class>{labels::verdict_label(health.verdict)}</span></p>
            <dl class="health-legs">{rows}</dl>
        </section>
    }
    .into_any()
}

fn row(name: &'static str, leg: &HealthLeg, mode: ApiMode, now: Timestamp) -> AnyView {
    let since = leg.since.filter(|_| leg.verdict != Verdict::Ok);
    let since = since.map(|at| view! { "Since " <Time at/> ". " });
    let checked = leg.checked_at.map(|at| view! { "Checked " <Age at now/> });
    view! {
        <dt><HealthDot verdict=leg.verdict/> " " {name}</dt>
        <dd>
            <p>{leg.message.clone()}</p>
            {way_out(leg.code, mode).map(|(to, label)| view! { <p><a class="button quiet small" href=to>{label}</a></p> })}
            <p class="hint">{since} {checked}</p>
        </dd>
    }
    .into_any()
}

/// Where on the page a problem is solved, if it is solved there.
const fn way_out(code: HealthCode, mode: ApiMode) -> Option<(&'static str, &'static str)> {
    match (code, mode) {
        (HealthCode::TokenRejected | HealthCode::PollingConflict, _) => {
            Some(("#edit-telegram_bot_token", "Update bot token"))
        }
        (HealthCode::OtherWebhook | HealthCode::WebhookMissing | HealthCode::WorkerMissing, _)
        | (HealthCode::KeyRejected, ApiMode::Managed) => Some(("#actions", "Go to Redeploy")),
        (HealthCode::KeyRejected, ApiMode::Byok) => Some(("#edit-model_api_key", "Update API key")),
        (HealthCode::ModelNotFound | HealthCode::ProviderUnavailable | HealthCode::UnexpectedResponse, _) => {
            Some(("#edit-model", "Choose another model"))
        }
        _ => None,
    }
}
