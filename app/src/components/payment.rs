//! How an assistant is paid for, and the buttons that lead to Polar: to the checkout of an unfinished order, and to the customer
//! portal.

use leptos::prelude::*;
use reef_domain::sentence::Sentence;
use reef_domain::wire::{AssistantRecord, PaymentStatus};

use crate::components::form::{Form, FormErrorMessage, PostForm, Submit};
use crate::components::time_and_status::{LocalizedSentence, PaymentBadge};
use crate::functions::billing::OpenPortal;
use crate::functions::checkout::ResumeCheckout;

/// A button that leads to the checkout of an unpaid assistant. A page may have one for each of several assistants.
#[component]
pub(crate) fn ResumeCheckoutForm(
    #[prop(into)] id: String,
    label: &'static str,
    /// The label for screen readers, where `label` alone does not say which assistant it is about.
    #[prop(optional, into)]
    aria_label: Option<String>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let form = Form::of::<ResumeCheckout>("resume", &[]).for_item("id", &id);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <Submit label busy="Opening checkout…" class aria_label=aria_label.unwrap_or_else(|| label.to_owned())/>
        </PostForm>
    }
}

/// A button that opens the billing portal, where the card of a past-due subscription is updated. A page may have one for each
/// of several assistants.
#[component]
pub(crate) fn UpdateCard(
    #[prop(into)] id: String,
    /// The assistant's name, for screen readers.
    name: String,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let form = Form::of::<OpenPortal>("update-card", &[]).for_item("id", &id);
    view! {
        <PostForm form class="inline">
            <FormErrorMessage form/>
            <input type="hidden" name="id" value=id/>
            <Submit label="Update card" busy="Opening billing portal…" class aria_label=format!("Update card for {name}")/>
        </PostForm>
    }
}

/// The payment status of an assistant. A subscription that ends with its billing period says when.
pub(crate) fn payment_status(record: &AssistantRecord) -> AnyView {
    let status = record.payment_status;
    cancellation_badge(record).unwrap_or_else(|| view! { <PaymentBadge status/> }.into_any())
}

/// A badge that says when a canceled subscription ends; `None` for any other.
pub(crate) fn cancellation_badge(record: &AssistantRecord) -> Option<AnyView> {
    let is_canceled = record.payment_status == PaymentStatus::Paid && record.canceled_at.is_some();
    let sentence = match record.current_period_end.filter(|_| is_canceled) {
        Some(until) => Sentence::from("Cancels ").day(until),
        None if is_canceled => "Cancels at the end of the billing period".into(),
        None => return None,
    };
    Some(view! { <span class="badge warn"><LocalizedSentence sentence/></span> }.into_any())
}
