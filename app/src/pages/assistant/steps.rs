//! What a deployment has done so far.

use leptos::prelude::*;
use reef_domain::steps::{Step, StepRecord};

/// The steps of the run that the status tells of, if there was one.
pub(super) fn section(steps: &[StepRecord]) -> AnyView {
    if steps.is_empty() {
        return ().into_any();
    }
    view! {
        <section class="card" aria-labelledby="steps">
            <h2 id="steps">"Deployment"</h2>
            {list(steps)}
        </section>
    }
    .into_any()
}

/// Every step: done, under way, failed, or to come.
fn list(steps: &[StepRecord]) -> AnyView {
    let item = |step: Step| {
        let record = steps.iter().find(|record| record.step == step);
        let (class, state) = match record {
            None => ("todo", "to come"),
            Some(record) if record.failed => ("failed", "failed"),
            Some(StepRecord { ended_at: Some(_), .. }) => ("done", "done"),
            Some(_) => ("now", "under way"),
        };
        let took = record.and_then(took).unwrap_or_default();
        view! {
            <li class=class>
                {words(step)} <span class="visually-hidden">", "{state}</span>
                <span class="hint">" "{took}</span>
            </li>
        }
    };
    view! { <ol class="steps">{Step::ALL.into_iter().map(item).collect_view()}</ol> }.into_any()
}

const fn words(step: Step) -> &'static str {
    match step {
        Step::Token => "The bot token is tried",
        Step::Model => "The model is tried",
        Step::Worker => "The worker is started",
        Step::Webhook => "The bot is connected",
        Step::Ready => "The worker is asked whether it is well",
    }
}

/// How long it took. While it is under way nothing is said: the page would stand still at it.
fn took(record: &StepRecord) -> Option<String> {
    let ms = (record.ended_at?.unix_ms() - record.began_at.unix_ms()).max(0);
    Some(match ms {
        0..1000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    })
}
