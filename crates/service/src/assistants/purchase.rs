//! Ordering an assistant, with the limits on unpaid orders.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::Parsed;
use reef_domain::wire::{ApiMode, Scope};
use reef_domain::{Assistant, Timestamp};
use reef_store::Tx;

use crate::billing::FIRST_CHECK_AFTER;
use crate::billing::checkout::checkout_error;
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::{Outcome, Purchased};
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;
use reef_ports::{Checkout, PaymentError};

/// Orders that a user may leave unpaid within [`UNPAID_WINDOW`]. Deleted ones count, because their checkouts stay open.
const UNPAID_MAX: i64 = 10;
const UNPAID_WINDOW: Duration = Duration::from_secs(3600);
/// Unpaid orders that a user may make within [`ATTEMPTS_WINDOW`], including those without a checkout, because each costs a call
/// to Polar.
const ATTEMPTS_MAX: i64 = 30;
/// Short, so that a user who retried while Polar was down can order soon after it is back.
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(600);

const TOO_MANY_UNPAID: &str = "Too many unpaid orders in the last hour: pay for one, or wait";
const TOO_MANY_ATTEMPTS: &str = "Too many orders in the last few minutes couldn't be opened for payment";

impl Services {
    /// Orders an assistant: stores the row first, then creates the checkout with the row's id in its metadata.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::KeyIsLimited`], [`Error::InvalidRequest`], [`Error::PaymentNotConfigured`],
    /// [`Error::RateLimited`] with 10 unpaid orders of the last hour, and [`Error::CheckoutRefused`] or
    /// [`Error::PaymentProviderUnavailable`] when no checkout could be created; the order is voided then.
    #[tracing::instrument(name = "purchase", skip_all)]
    pub async fn purchase(&self, caller: &Caller, mode: Parsed<ApiMode>) -> Result<Purchased, Error> {
        caller.require_scope(Scope::Write)?;
        if caller.grant().is_some() {
            return Err(Error::KeyIsLimited);
        }
        let mode = mode.map_err(Error::InvalidRequest)?;
        let product = self.config().product(mode).ok_or(Error::PaymentNotConfigured)?.to_owned();
        let id = self.create_order(caller, mode).await?;
        match self.create_checkout(caller, id, product).await {
            Ok(Checkout { id: checkout, url }) => {
                let mut work = self.unit_of_work().await?;
                work.tx.update_checkout(id, &checkout, &url).await?;
                let purchased = Purchased { id, checkout_url: url };
                work.commit(Some(&Outcome::Purchased(purchased.clone()))).await?;
                Ok(purchased)
            }
            Err(error) => {
                self.void_order(caller, id, &error).await?;
                Err(checkout_error(&error))
            }
        }
    }

    async fn create_order(&self, caller: &Caller, mode: ApiMode) -> Result<AssistantId, Error> {
        let id = AssistantId::new(self.new_uuid());
        let UnitOfWork { mut tx, now, .. } = self.unit_of_work().await?;
        // The lock serializes the orders of one user, or two at once could both be the tenth.
        tx.lock_user(caller.user_id).await?;
        self.check_order_limits(&mut tx, caller, now).await?;
        tx.insert_assistant(&Assistant::new(id, caller.user_id, mode, now)).await?;
        tx.insert_payment_check(id, caller.user_id, now.plus(FIRST_CHECK_AFTER), now).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn check_order_limits(&self, tx: &mut Tx, caller: &Caller, now: Timestamp) -> Result<(), Error> {
        for (with_voided, max, window, message) in [
            (false, UNPAID_MAX, UNPAID_WINDOW, TOO_MANY_UNPAID),
            (true, ATTEMPTS_MAX, ATTEMPTS_WINDOW, TOO_MANY_ATTEMPTS),
        ] {
            // The limit is reached until the oldest of these leaves the window.
            let oldest =
                tx.find_nth_newest_unpaid_order(caller.user_id, now.minus(window), max, with_voided).await?;
            if let Some(oldest) = oldest {
                let wait = oldest.plus(window).since(now);
                let retry_after_seconds = wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
                return Err(Error::RateLimited { message, retry_after_seconds });
            }
        }
        Ok(())
    }

    /// Deletes an order whose checkout could not be created. Its id stays known: if the checkout exists all the same and is
    /// paid, its subscription is revoked.
    async fn void_order(&self, caller: &Caller, id: AssistantId, error: &PaymentError) -> Result<(), Error> {
        tracing::warn!(assistant_id = %id, error = %error, "checkout creation failed, order voided");
        let mut tx = self.store().begin().await?;
        tx.delete_assistant(id, caller.user_id, self.now()).await?;
        tx.record_checkout_failure(id).await?;
        // After a refusal there is certainly no checkout.
        if !matches!(error, PaymentError::Unavailable(_)) {
            tx.stop_payment_checks(id).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
