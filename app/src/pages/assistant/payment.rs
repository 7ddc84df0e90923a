//! Before the payment: what has arrived is what the payment provider has confirmed, whatever the address says.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::components::drawn::changing;

/// The way to the checkout; or, for who comes back from it, the wait for the confirmation.
#[component]
pub(super) fn Payment(checkout_url: Option<String>) -> impl IntoView {
    let query = use_query_map();
    // That somebody comes from the checkout says nothing about whether they paid.
    let returned = move || query.read().get_str("checkout_id").is_some();
    view! {
        <section aria-labelledby="payment">
            <h2 id="payment">"Payment"</h2>
            {changing(move || if returned() {
                view! {
                    <p role="status" class="notice">
                        "Waiting for the payment to be confirmed. This takes a few seconds; the page goes on by itself "
                        "when the payment has arrived."
                    </p>
                    <p class="without-script"><a href="" rel="external">"Refresh"</a></p>
                    <p>"You did not pay? The checkout is still open."</p>
                }
                .into_any()
            } else {
                view! { <p>"Pay for the slot to go on."</p> }.into_any()
            })}
            {checkout_url.map(|url| view! { <p><a class="button" rel="external" href=url>"Go to checkout"</a></p> })}
        </section>
    }
    .into_any()
}
