//! The forms that order an assistant. Each leads to a checkout, or to the assistant’s page when nothing is left to pay.

use leptos::prelude::*;
use reef_domain::input;
use reef_service::billing::CheckoutRedirect;

use super::body::non_empty;
use crate::error::AppError;
use crate::server::{authenticate, redirect_to, run_form};

/// Orders an assistant and leads to the checkout. A form that is sent again leads to the checkout of the same order.
#[server(prefix = "/_fn", endpoint = "purchase")]
pub async fn purchase(
    #[server(default)] api_mode: String,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    run_form(&[("api_mode", &api_mode)], async {
        let (services, caller) = authenticate().await?;
        let mode = input::parse_purchase(non_empty(&[("apiMode", &api_mode)]));
        redirect(services.purchase_by_form(&caller, mode, &token).await?)
    })
    .await
}

/// Leads to the checkout of an unpaid order, or to a new one if it has expired.
#[server(prefix = "/_fn", endpoint = "resume_checkout")]
pub async fn resume_checkout(id: String) -> Result<(), AppError> {
    run_form(&[("id", &id)], async {
        let (services, caller) = authenticate().await?;
        redirect(services.resume_checkout(&caller, &id).await?)
    })
    .await
}

fn redirect(to: CheckoutRedirect) -> Result<(), AppError> {
    match to {
        CheckoutRedirect::Checkout(url) => redirect_to(&url),
        CheckoutRedirect::Assistant(id) => redirect_to(&format!("/assistants/{id}")),
    }
}
