//! Before the payment: what has arrived is what the payment provider has confirmed, whatever the address says.

use leptos::prelude::*;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_service::assistants::{Details, PaymentStanding};
use reef_service::{Caller, Services};

use crate::components::resume::Resume;
use crate::components::small::LookAgain;
use crate::error::AppError;
use crate::text;

/// The way to pay for an unpaid slot. How the payment stands is the page's state, and said there.
pub(super) fn section(services: &Services, details: &Details, standing: PaymentStanding) -> AnyView {
    let record = &details.record;
    let prices = services.prices();
    let price = match record.api_mode {
        ApiMode::Byok => prices.byok,
        ApiMode::Managed => prices.managed,
    };
    let what = match price {
        Some(price) => format!("One slot, {}: {}.", text::mode(record.api_mode), text::price(&price)),
        None => format!("One slot, {}. The checkout shows the price.", text::mode(record.api_mode)),
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

/// How the payment of an order stands, as Polar has just said. What was paid meanwhile counts as being confirmed: the page is
/// drawn anew at once.
///
/// # Errors
/// [`AppError`] when it cannot be looked up.
pub(super) async fn standing(
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

/// The badge and the sentence of an order that is not confirmed: the only ones on its page about the payment.
pub(super) const fn in_words(standing: PaymentStanding) -> (&'static str, &'static str) {
    match standing {
        PaymentStanding::Open => {
            ("waiting for payment", "It is not paid: the checkout is open, and you haven’t been charged.")
        }
        PaymentStanding::Confirming => (
            "confirming payment",
            "Your payment is being confirmed, usually within a few seconds. You can stay on this page.",
        ),
        PaymentStanding::Closed => ("waiting for payment", "The checkout is over, and you weren’t charged."),
        PaymentStanding::Unknown => (
            "waiting for payment",
            "We can’t confirm your payment yet: Polar doesn’t answer just now. If you paid, wait here; don’t pay again.",
        ),
    }
}

/// What Polar has not decided, or did not say. Nobody tells of a payment that failed: the page asks again by itself.
const fn may_change(standing: PaymentStanding) -> bool {
    matches!(standing, PaymentStanding::Confirming | PaymentStanding::Unknown)
}

#[component]
fn Standing(standing: PaymentStanding, id: String) -> impl IntoView {
    match standing {
        PaymentStanding::Open => view! { <Resume id label="Go to checkout"/> }.into_any(),
        PaymentStanding::Confirming => view! {
            <p>"As soon as it has arrived, you set up your assistant here. There is no need to pay again."</p>
        }
        .into_any(),
        PaymentStanding::Closed => view! {
            <p>"A new checkout leads to the same slot."</p>
            <Resume id label="Start a new checkout"/>
        }
        .into_any(),
        PaymentStanding::Unknown => view! {
            <p>"Once it is confirmed, you set up your assistant here. The checkout cannot be paid twice."</p>
            <Resume id label="Go to checkout" class="quiet"/>
        }
        .into_any(),
    }
}
