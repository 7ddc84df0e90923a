//! Orders: each form leads to a checkout, or to the assistant’s page when nothing is left to pay.

use leptos::prelude::*;
use reef_domain::input;
use reef_service::assistants::GoOn;

use super::body::filled;
use crate::error::AppError;
use crate::server::{answer, go, signed_in};

/// Orders an assistant and leads to the checkout. A form that is sent again leads to the same order.
#[server(prefix = "/_fn", endpoint = "purchase")]
pub async fn purchase(
    #[server(default)] api_mode: String,
    #[server(default)] token: String,
) -> Result<(), AppError> {
    answer(&[("api_mode", &api_mode)], async {
        let (services, caller) = signed_in().await?;
        let mode = input::purchase(filled(&[("apiMode", &api_mode)]));
        go_on(services.purchase_by_form(&caller, mode, &token).await?)
    })
    .await
}

/// Leads to the checkout of an unpaid order, to a new one if it has expired.
#[server(prefix = "/_fn", endpoint = "resume_checkout")]
pub async fn resume_checkout(id: String) -> Result<(), AppError> {
    answer(&[("id", &id)], async {
        let (services, caller) = signed_in().await?;
        go_on(services.resume_checkout(&caller, &id).await?)
    })
    .await
}

fn go_on(to: GoOn) -> Result<(), AppError> {
    match to {
        GoOn::Checkout(url) => go(&url),
        GoOn::Slot(id) => go(&format!("/assistants/{id}")),
    }
}
