//! Polar's pages for customers: invoices, the card, the end of a subscription.

use reef_domain::wire::Scope;

use crate::caller::Caller;
use crate::error::Error;
use crate::services::Services;

impl Services {
    /// Opens Polar's pages for the caller: a URL that is good for an hour, made anew for every click. `None` when Polar
    /// does not know them as a customer: nothing was paid yet, or it was paid with an e-mail address that Polar knows as
    /// another customer's. That customer's pages are not opened: the address was typed in, nobody has shown that it is
    /// theirs.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::PaymentNotConfigured`], [`Error::RateLimited`],
    /// [`Error::PaymentProviderUnavailable`].
    pub async fn open_portal(&self, caller: &Caller) -> Result<Option<String>, Error> {
        caller.require(Scope::Write)?;
        if !self.config().payments_configured {
            return Err(Error::PaymentNotConfigured);
        }
        self.may_check(caller.user_id).await?;
        let back = format!("{}/billing", self.config().public_url);
        self.ports().payments.open_portal(caller.user_id, &back).await.map_err(|error| {
            tracing::warn!(%error, "the customer portal could not be opened");
            Error::PaymentProviderUnavailable
        })
    }
}
