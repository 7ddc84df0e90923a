//! Polar's customer portal, where customers find invoices, change their card and cancel.

use reef_domain::wire::Scope;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

impl Services {
    /// Creates a portal session for the caller and returns its URL, which expires after an hour. `None` when the caller is not
    /// a customer at Polar: nothing was paid yet, or the payment used the email address of another customer. The portal of that
    /// customer is not opened, because nothing proves that the address belongs to the caller.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::PaymentNotConfigured`], [`Error::RateLimited`],
    /// [`Error::PaymentProviderUnavailable`].
    pub async fn create_portal_session(&self, caller: &Caller) -> Result<Option<String>, Error> {
        caller.require_scope(Scope::Write)?;
        if !self.config().payments_configured {
            return Err(Error::PaymentNotConfigured);
        }
        self.require_check_quota(caller.user_id).await?;
        let back = format!("{}/billing", self.config().public_url);
        self.ports().payments.open_portal(caller.user_id, &back).await.map_err(|error| {
            tracing::warn!(%error, "customer portal session failed");
            Error::PaymentProviderUnavailable
        })
    }
}
