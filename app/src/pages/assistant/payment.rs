//! An order before its payment. It counts as paid once Polar confirms it, whatever the address that the checkout returns to says.

use leptos::prelude::*;
use reef_domain::wire::{ApiMode, AssistantRecord, Status};
use reef_service::assistants::Details;
use reef_service::billing::CheckoutProgress;
use reef_service::{Caller, Services};

use crate::components::payment::ResumeCheckoutForm;
use crate::components::time_and_status::AutoRefresh;
use crate::error::AppError;
use crate::labels;

/// The way to pay. The status above shows the state of the payment.
pub(super) fn section(services: &Services, details: &Details, progress: CheckoutProgress) -> AnyView {
    let record = &details.record;
    let prices = services.prices();
    let price = match record.api_mode {
        ApiMode::Byok => prices.byok,
        ApiMode::Managed => prices.managed,
    };
    let what = match price {
        Some(price) => {
            format!("Plan: {} ({}).", labels::plan_label(record.api_mode), labels::price_label(&price))
        }
        None => format!("Plan: {}. The checkout shows the price.", labels::plan_label(record.api_mode)),
    };
    let (id, here) = (record.id.clone(), format!("/assistants/{}", record.id));
    view! {
        <section aria-labelledby="payment">
            <h2 id="payment">"Payment"</h2>
            <p>{what}</p>
            <CheckoutActions progress id/>
            {needs_polling(progress).then(|| view! { <AutoRefresh to=here/> })}
        </section>
    }
    .into_any()
}

/// The state of an order's payment according to Polar; `None` for an assistant that is paid. An order that is paid while Polar is
/// asked counts as being confirmed: the page is about to be refreshed with the new status.
pub(crate) async fn progress(
    services: &Services,
    caller: &Caller,
    record: &AssistantRecord,
) -> Result<Option<CheckoutProgress>, AppError> {
    if record.status != Status::PendingPayment {
        return Ok(None);
    }
    let progress = services.check_checkout_progress(caller, &record.id).await?;
    Ok(Some(progress.unwrap_or(CheckoutProgress::Confirming)))
}

/// The badge and the sentence of an unpaid order.
pub(crate) const fn badge_and_sentence(progress: CheckoutProgress) -> (&'static str, &'static str) {
    match progress {
        CheckoutProgress::Open => {
            ("Awaiting payment", "Your checkout is still open. You haven’t been charged.")
        }
        CheckoutProgress::Confirming => (
            "Confirming payment",
            "Your payment is being confirmed, usually within a few seconds. You can stay on this page.",
        ),
        CheckoutProgress::Closed => ("Awaiting payment", "This checkout expired. You weren’t charged."),
        CheckoutProgress::Unknown => (
            "Awaiting payment",
            "We can’t confirm your payment yet. If you paid, wait here; don’t pay again.",
        ),
    }
}

/// Whether the page asks Polar again after some seconds: a payment that fails sends no event.
pub(crate) const fn needs_polling(progress: CheckoutProgress) -> bool {
    matches!(progress, CheckoutProgress::Confirming | CheckoutProgress::Unknown)
}

#[component]
fn CheckoutActions(progress: CheckoutProgress, id: String) -> impl IntoView {
    match progress {
        CheckoutProgress::Open => view! { <ResumeCheckoutForm id label="Go to checkout"/> }.into_any(),
        CheckoutProgress::Confirming => view! {
            <p>"Once it’s confirmed, you can set up your assistant here. There is no need to pay again."</p>
        }
        .into_any(),
        CheckoutProgress::Closed => view! {
            <p>"A new checkout continues the same order."</p>
            <ResumeCheckoutForm id label="Start a new checkout"/>
        }
        .into_any(),
        CheckoutProgress::Unknown => view! {
            <p>"Once it’s confirmed, you can set up your assistant here. A checkout can’t be paid twice."</p>
            <ResumeCheckoutForm id label="Go to checkout" class="quiet"/>
        }
        .into_any(),
    }
}
