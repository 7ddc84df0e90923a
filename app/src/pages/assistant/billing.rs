//! The billing section of an assistant's page.

use leptos::prelude::*;
use reef_domain::billing;
use reef_domain::wire::PaymentStatus;
use reef_service::assistants::Details;

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::resume::payment_status;
use crate::components::small::{Said, When};
use crate::functions::billing::OpenPortal;
use crate::text;

/// The subscription, the used model credit, and the way to the customer portal.
pub(super) fn section(details: &Details) -> AnyView {
    let record = &details.record;
    let credit = details.credit.map(|credit| {
        view! {
            <dt>"Model credit"</dt>
            <dd>
                {format!("${} of ${} used.", credit.used, credit.credited)}
                {credit.is_used_up.then_some(" Replies are paused until the next payment adds credit.")}
            </dd>
        }
    });
    // Before the payment, the payment section says how it stands.
    let was_paid = record.payment_status != PaymentStatus::Pending;
    let standing = was_paid.then(|| view! { <p><Said sentence=billing::standing(record)/></p> });
    let status = was_paid.then(|| view! { <dt>"Status"</dt> <dd>{payment_status(record)}</dd> });
    view! {
        <section class="card" aria-labelledby="billing">
            <h2 id="billing">"Billing"</h2>
            {standing}
            <dl class="facts">
                {status}
                <dt>"Plan"</dt>
                <dd>{text::mode(record.api_mode)}</dd>
                {credit}
                <dt>"Created"</dt>
                <dd><When at=record.created_at/></dd>
            </dl>
            {was_paid.then(|| view! { <Portal/> })}
        </section>
    }
    .into_any()
}

#[component]
fn Portal() -> impl IntoView {
    let form = Form::of::<OpenPortal>("portal", &[]).about("id", "");
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <Submit label="Invoices and payment method" busy="Opening billing portal…" class="quiet small"/>
        </PostForm>
    }
}
