//! The money side, in plain words.

use leptos::prelude::*;
use reef_domain::billing;
use reef_domain::wire::PaymentStatus;
use reef_service::assistants::Details;

use crate::components::form::{Form, PostForm, Problem, Submit};
use crate::components::small::{Payment, Said, When};
use crate::functions::billing::OpenPortal;
use crate::text;

/// How it is paid, what the model has cost, and the way to invoices and cards.
pub(super) fn section(details: &Details) -> AnyView {
    let record = &details.record;
    let credit = details.credit.map(|credit| {
        view! {
            <dt>"Model credit"</dt>
            <dd>
                {format!("{} of {} USD used.", credit.used, credit.credited)}
                {credit.is_used_up.then_some(
                    " It is used up: the assistant says so in its chats until the next paid period adds to it.",
                )}
            </dd>
        }
    });
    // How an order is paid is said where it is paid, once.
    let was_paid = record.payment_status != PaymentStatus::Pending;
    let standing = was_paid.then(|| view! { <p><Said sentence=billing::standing(record)/></p> });
    let payment =
        was_paid.then(|| view! { <dt>"Payment"</dt> <dd><Payment status=record.payment_status/></dd> });
    view! {
        <section class="card" aria-labelledby="billing">
            <h2 id="billing">"Billing"</h2>
            {standing}
            <dl class="facts">
                {payment}
                <dt>"Mode"</dt>
                <dd>{text::mode(record.api_mode)}</dd>
                {credit}
                <dt>"Ordered"</dt>
                <dd><When at=record.created_at/></dd>
            </dl>
            {was_paid.then(|| view! { <Portal/> })}
        </section>
    }
    .into_any()
}

/// Opens Polar's customer portal: invoices, cards, cancelling at the period's end.
#[component]
fn Portal() -> impl IntoView {
    let form = Form::of::<OpenPortal>("portal", &[]);
    view! {
        <PostForm form class="inline">
            <Problem form/>
            <Submit label="Invoices and payment method" busy="Opening…" class="quiet small"/>
        </PostForm>
    }
}
