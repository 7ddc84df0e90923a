//! How an assistant is, at a glance.

use leptos::prelude::*;
use reef_domain::health::Verdict;

use crate::labels;

/// The verdict as a dot, in words if it is not good. Screen readers read the words in any case.
#[component]
pub fn HealthDot(verdict: Verdict) -> impl IntoView {
    let label = labels::verdict_label(verdict);
    let hides_label = matches!(verdict, Verdict::Ok | Verdict::Unknown);
    view! {
        <span class=format!("health-dot {verdict}") title=label>
            <span class:visually-hidden=hides_label>{label}</span>
        </span>
    }
}
