//! Before the payment: what has arrived is what the payment provider has confirmed, whatever the address says.

use leptos::prelude::*;
use reef_domain::wire::ApiMode;
use reef_service::assistants::{Details, PaymentStanding};
use reef_service::{Caller, Services};

use crate::components::resume::Resume;
use crate::components::small::LookAgain;
use crate::error::AppError;
use crate::text;

/// How the payment of an unpaid slot stands, with the way to go on.
///
/// # Errors
/// [`AppError`] when it cannot be looked up.
pub(super) async fn section(
    services: &Services,
    caller: &Caller,
    details: &Details,
) -> Result<AnyView, AppError> {
    let record = &details.record;
    let standing = services.payment_standing(caller, &record.id).await?;
    let prices = services.prices();
    let price = match record.api_mode {
        ApiMode::Byok => prices.byok,
        ApiMode::Managed => prices.managed,
    };
    let what = match price {
        Some(price) => format!("One slot, {}: {}.", text::mode(record.api_mode), text::price(&price)),
        None => format!("One slot, {}. The checkout shows the price.", text::mode(record.api_mode)),
    };
    let id = record.id.clone();
    let view = view! {
        <section aria-labelledby="payment">
            <h2 id="payment">"Payment"</h2>
            <p>{what}</p>
            <Standing standing=standing.unwrap_or(PaymentStanding::Confirming) id/>
            {standing.is_none_or(may_change).then(|| view! { <LookAgain to=format!("/assistants/{}", record.id)/> })}
        </section>
    };
    Ok(view.into_any())
}

/// What Polar has not decided, or did not say. Nobody tells of a payment that failed: the page asks again by itself.
const fn may_change(standing: PaymentStanding) -> bool {
    matches!(standing, PaymentStanding::Confirming | PaymentStanding::Unknown)
}

/// Paid meanwhile counts as being confirmed: the page is drawn anew at once.
#[component]
fn Standing(standing: PaymentStanding, id: String) -> impl IntoView {
    match standing {
        PaymentStanding::Open => view! {
            <p class="notice">"It is not paid: the checkout is open, and nothing was charged so far."</p>
            <Resume id label="Go to checkout"/>
        }
        .into_any(),
        PaymentStanding::Confirming => view! {
            <p class="notice">
                "The payment is being confirmed. This takes some seconds; as soon as it has arrived, the form to activate the "
                "slot is here. There is no need to pay again."
            </p>
        }
        .into_any(),
        PaymentStanding::Closed => view! {
            <p class="notice warn">"The checkout is over, and nothing was charged. A new one leads to the same slot."</p>
            <Resume id label="Start a new checkout"/>
        }
        .into_any(),
        PaymentStanding::Unknown => view! {
            <p class="notice warn">
                "The payment provider does not say just now how the payment stands. If you have paid, wait: once that is "
                "confirmed, the form to activate the slot is here. If you have not, the checkout is still there; it cannot be "
                "paid twice."
            </p>
            <Resume id label="Go to checkout" class="quiet"/>
        }
        .into_any(),
    }
}
