//! The billing section of an assistant's page.

use leptos::prelude::*;
use reef_domain::billing;
use reef_domain::wire::PaymentStatus;
use reef_service::assistants::Details;

use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::payment::payment_status;
use crate::components::time_and_status::{LocalizedSentence, Time};
use crate::functions::billing::OpenPortal;
use crate::labels;

/// The subscription, the used credit, and the way to the billing portal.
pub(super) fn section(details: &Details) -> AnyView {
    let record = &details.record;
    let credit = details.credit.map(|credit| {
        view! {
            <dt>"Credit"</dt>
            <dd>
                {format!("${} of ${} used.", credit.used, credit.credited)}
                {credit.is_exhausted.then_some(" Replies are paused until the next payment adds credit.")}
            </dd>
        }
    });
    // Before the payment, the payment section shows its state.
    let was_paid = record.payment_status != PaymentStatus::Pending;
    let summary = was_paid.then(|| view! { <p><LocalizedSentence sentence=billing::summary(record)/></p> });
    let status = was_paid.then(|| view! { <dt>"Status"</dt> <dd>{payment_status(record)}</dd> });
    view! {
        <section class="card" aria-labelledby="billing">
            <h2 id="billing">"Billing"</h2>
            {summary}
            <dl class="facts">
                {status}
                <dt>"Plan"</dt>
                <dd>{labels::plan_label(record.api_mode)}</dd>
                {credit}
                <dt>"Created"</dt>
                <dd><Time at=record.created_at/></dd>
            </dl>
            {was_paid.then(|| view! { <Portal/> })}
        </section>
    }
    .into_any()
}

#[component]
fn Portal() -> impl IntoView {
    let form = Form::of::<OpenPortal>("portal", &[]).for_item("id", "");
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <Submit label="Open billing portal" busy="Opening billing portal…" class="quiet small"/>
        </PostForm>
    }
}
