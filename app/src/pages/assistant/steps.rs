//! The steps of a deployment, with how long each has taken.

use leptos::prelude::*;
use reef_domain::steps::{Step, StepRecord};

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

/// All steps, including those that have not begun.
fn list(steps: &[StepRecord]) -> AnyView {
    let item = |step: Step| {
        let record = steps.iter().find(|record| record.step == step);
        let (class, state) = match record {
            None => ("todo", "not started"),
            Some(record) if record.failed => ("failed", "failed"),
            Some(StepRecord { ended_at: Some(_), .. }) => ("done", "done"),
            Some(_) => ("current", "in progress"),
        };
        let took = record.and_then(duration).unwrap_or_default();
        view! {
            <li class=class>
                {label(step)} <span class="visually-hidden">", "{state}</span>
                <span class="hint">" "{took}</span>
            </li>
        }
    };
    view! { <ol class="steps">{Step::ALL.into_iter().map(item).collect_view()}</ol> }.into_any()
}

const fn label(step: Step) -> &'static str {
    match step {
        Step::Token => "Verify bot token",
        Step::Model => "Verify model access",
        Step::Worker => "Start assistant",
        Step::Webhook => "Connect to Telegram",
        Step::Ready => "Health check",
    }
}

/// How long a step took; `None` while it runs, because the page is not updated every second.
fn duration(record: &StepRecord) -> Option<String> {
    let ms = (record.ended_at?.unix_ms() - record.began_at.unix_ms()).max(0);
    Some(match ms {
        0..1000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    })
}
