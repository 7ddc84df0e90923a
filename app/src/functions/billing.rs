//! What Polar keeps for its customers: invoices and the card.

use leptos::prelude::*;

use crate::error::AppError;
use crate::server::{answer, go, signed_in};

/// Opens Polar's pages for the customer; when it has none, the page says so.
#[server(prefix = "/_fn", endpoint = "open_portal")]
pub async fn open_portal() -> Result<(), AppError> {
    answer(&[], async {
        let (services, caller) = signed_in().await?;
        let portal = services.open_portal(&caller).await?;
        go(portal.as_deref().unwrap_or("/billing?portal=none"))
    })
    .await
}
