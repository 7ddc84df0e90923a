//! The way to Polar's customer portal, which has the invoices and the card.

use leptos::prelude::*;

use crate::error::AppError;
use crate::server::{answer, go, signed_in};

/// Opens Polar's customer portal. An account without a payment has none: its Billing page says so.
///
/// `id` is the assistant whose form was sent, so that a page shows a refusal at that form. It is empty for the account's form.
#[server(prefix = "/_fn", endpoint = "open_portal")]
pub async fn open_portal(#[server(default)] id: String) -> Result<(), AppError> {
    answer(&[("id", &id)], async {
        let (services, caller) = signed_in().await?;
        let portal = services.open_portal(&caller).await?;
        go(portal.as_deref().unwrap_or("/billing?portal=none"))
    })
    .await
}
