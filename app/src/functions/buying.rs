//! Buying slots: each form leads to a checkout, or to the slot when there is nothing to be paid.

use leptos::prelude::*;
use reef_domain::input;
use reef_service::assistants::GoOn;

use super::body::filled;
use crate::error::AppError;
use crate::server::{answer, go, signed_in};

/// Orders a slot and goes to its checkout; once for every form, however often it is sent.
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

/// Goes on with the checkout of an unpaid slot; with a new one if that is over.
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
