//! The way to Polar's customer portal, which has the invoices and the card.

use leptos::prelude::*;

use crate::error::AppError;
use crate::server::{authenticate, redirect_to, run_form};

/// Opens Polar's customer portal. An account without a payment has none: its Billing page says so.
///
/// `id` is the assistant whose form was sent, so that a page shows a refusal at that form. It is empty for the account's form.
#[server(prefix = "/_fn", endpoint = "open_portal")]
pub async fn open_portal(#[server(default)] id: String) -> Result<(), AppError> {
    run_form(&[("id", &id)], async {
        let (services, caller) = authenticate().await?;
        let portal = services.create_portal_session(&caller).await?;
        redirect_to(portal.as_deref().unwrap_or("/billing?portal=none"))
    })
    .await
}
