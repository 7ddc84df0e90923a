//! The way to Polar's billing portal, which has the invoices and the card.

use leptos::prelude::*;

use crate::error::AppError;
use crate::flash::{Notice, redirect_with_notice};
use crate::server::{authenticate, redirect_to, run_form};

/// Opens Polar's billing portal. An account has one only after its first payment: until then its Billing page says so.
///
/// `id` is the assistant whose form was sent, so that a page shows a refusal at that form. It is empty for the account's form.
#[server(prefix = "/_fn", endpoint = "open_portal")]
pub async fn open_portal(#[server(default)] id: String) -> Result<(), AppError> {
    run_form(&[("id", &id)], async {
        let (services, caller) = authenticate().await?;
        let portal = services.create_portal_session(&caller).await?;
        match portal {
            Some(portal) => redirect_to(&portal),
            None => redirect_with_notice("/billing", Notice::NoInvoices).await,
        }
    })
    .await
}
