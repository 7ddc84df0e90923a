//! An order before its payment. It counts as paid once Polar confirms it, whatever the address that the checkout returns to says.

use leptos::prelude::*;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_service::assistants::{Details, PaymentStanding};
use reef_service::{Caller, Services};

use crate::components::resume::Resume;
use crate::components::small::LookAgain;
use crate::error::AppError;
use crate::text;

/// The way to pay. The status of the page says how the payment stands.
pub(super) fn section(services: &Services, details: &Details, standing: PaymentStanding) -> AnyView {
    let record = &details.record;
    let prices = services.prices();
    let price = match record.api_mode {
        ApiMode::Byok => prices.byok,
        ApiMode::Managed => prices.managed,
    };
    let what = match price {
        Some(price) => format!("Plan: {} ({}).", text::mode(record.api_mode), text::price(&price)),
        None => format!("Plan: {}. The checkout shows the price.", text::mode(record.api_mode)),
    };
    let (id, here) = (record.id.clone(), format!("/assistants/{}", record.id));
    view! {
        <section aria-labelledby="payment">
            <h2 id="payment">"Payment"</h2>
            <p>{what}</p>
            <Standing standing id/>
            {may_change(standing).then(|| view! { <LookAgain to=here/> })}
        </section>
    }
    .into_any()
}

/// How the payment of an order stands, as Polar says; `None` for an assistant that is paid. An order that is paid while Polar
/// is asked counts as being confirmed: the page is about to be refreshed with the new status.
pub(crate) async fn standing(
    services: &Services,
    caller: &Caller,
    record: &AssistantRecord,
) -> Result<Option<PaymentStanding>, AppError> {
    if record.status != Status::PendingPayment {
        return Ok(None);
    }
    let standing = services.payment_standing(caller, &record.id).await?;
    Ok(Some(standing.unwrap_or(PaymentStanding::Confirming)))
}

/// The badge and the sentence of an unpaid order.
pub(crate) const fn in_words(standing: PaymentStanding) -> (&'static str, &'static str) {
    match standing {
        PaymentStanding::Open => {
            ("Awaiting payment", "Your checkout is still open. You haven’t been charged.")
        }
        PaymentStanding::Confirming => (
            "Confirming payment",
            "Your payment is being confirmed, usually within a few seconds. You can stay on this page.",
        ),
        PaymentStanding::Closed => ("Awaiting payment", "This checkout expired. You weren’t charged."),
        PaymentStanding::Unknown => (
            "Awaiting payment",
            "We can’t confirm your payment yet. If you paid, wait here; don’t pay again.",
        ),
    }
}

/// Whether the page asks Polar again after some seconds: a payment that fails sends no event.
pub(crate) const fn may_change(standing: PaymentStanding) -> bool {
    matches!(standing, PaymentStanding::Confirming | PaymentStanding::Unknown)
}

#[component]
fn Standing(standing: PaymentStanding, id: String) -> impl IntoView {
    match standing {
        PaymentStanding::Open => view! { <Resume id label="Go to checkout"/> }.into_any(),
        PaymentStanding::Confirming => view! {
            <p>"Once it’s confirmed, you can set up your assistant here. There is no need to pay again."</p>
        }
        .into_any(),
        PaymentStanding::Closed => view! {
            <p>"A new checkout continues the same order."</p>
            <Resume id label="Start a new checkout"/>
        }
        .into_any(),
        PaymentStanding::Unknown => view! {
            <p>"Once it’s confirmed, you can set up your assistant here. A checkout can’t be paid twice."</p>
            <Resume id label="Go to checkout" class="quiet"/>
        }
        .into_any(),
    }
}
