//! Buying by a form, going on with a checkout, and how a payment stands.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::Parsed;
use reef_domain::wire::{ApiMode, AssistantRecord, Scope};
use reef_domain::{Assistant, State};
use tokio::time::timeout;

use super::purchase::{Purchased, no_checkout};
use crate::caller::Caller;
use crate::error::Error;
use crate::forms::form_key;
use crate::idempotency::{Claimed, Done};
use crate::payments::{CheckoutStanding, FIRST_ASK_AFTER};
use crate::services::Services;

/// How long an unpaid slot can be found on the page where slots are bought.
const UNPAID_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// Unpaid slots shown there.
const UNPAID_MAX: i64 = 10;
/// How long a page waits to learn how a checkout stands.
const STANDING_TIMEOUT: Duration = Duration::from_secs(3);

/// Where a buyer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// At the checkout with this URL.
    Checkout(String),
    /// On the slot's page: there is nothing to be paid.
    Slot(AssistantId),
}

/// How the payment of an unpaid slot stands, as Polar has just said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStanding {
    /// Nothing has been paid; the checkout is open.
    Open,
    /// Somebody has paid or is paying: the confirmation is on its way.
    Confirming,
    /// The checkout has expired or failed; nothing was charged.
    Closed,
    /// Polar did not say.
    Unknown,
}

impl Services {
    /// Orders a slot as [`Self::purchase`] does, once for every form: the same token and mode lead to the same slot and
    /// its checkout, whichever process is asked, at the same time or within a day.
    ///
    /// # Errors
    /// As [`Self::purchase`], and [`Error::InvalidRequest`] without a token.
    pub async fn purchase_by_form(
        &self,
        caller: &Caller,
        mode: Parsed<ApiMode>,
        token: &str,
    ) -> Result<GoOn, Error> {
        caller.require(Scope::Write)?;
        let mode = mode.map_err(Error::InvalidRequest)?;
        let key = form_key(mode.as_str(), token)?;
        match self.claim_patiently(caller, &key).await? {
            Claimed::First(claim) => {
                let bought = self.under_claim(&claim, kept, self.purchase(caller, Ok(mode))).await;
                if bought.is_err() {
                    self.settle_request(&claim, None).await?;
                }
                Ok(GoOn::Checkout(bought?.checkout_url))
            }
            Claimed::Before { body, .. } => {
                let (id, _) = read_kept(&body)?;
                self.resume_checkout(caller, id).await
            }
        }
    }

    /// Goes on with an unpaid slot: at its checkout while that is open, at a new one for the same slot otherwise. A slot
    /// that is paid, or is being paid, has nothing to go on with.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::RateLimited`] when that was asked too often within a minute,
    /// [`Error::PaymentNotConfigured`], and [`Error::CheckoutRefused`] or [`Error::PaymentProviderUnavailable`] when a new
    /// checkout is needed and could not be made.
    pub async fn resume_checkout(&self, caller: &Caller, id: &str) -> Result<GoOn, Error> {
        let slot = self.find(caller, Scope::Write, id).await?;
        if slot.state != State::PendingPayment {
            return Ok(GoOn::Slot(slot.id));
        }
        self.may_check(caller.user_id).await?;
        let known = self.store().read().await?.checkout_of(slot.id).await?;
        let Some((checkout, url)) = known else { return self.renew_checkout(caller, &slot, "none").await };
        match self.ports().payments.checkout(&checkout).await {
            Ok(Some(facts)) => match facts.standing {
                CheckoutStanding::Open => Ok(GoOn::Checkout(url)),
                CheckoutStanding::Used => {
                    self.hurry_ask(slot.id).await?;
                    Ok(GoOn::Slot(slot.id))
                }
                CheckoutStanding::Closed => self.renew_checkout(caller, &slot, &checkout).await,
            },
            Ok(None) => self.renew_checkout(caller, &slot, &checkout).await,
            Err(error) => {
                // Its own page says how it stands, and cannot be paid twice.
                tracing::warn!(assistant_id = %slot.id, %error, "polar does not say how a checkout stands");
                Ok(GoOn::Checkout(url))
            }
        }
    }

    /// Makes a checkout in the place of one that cannot be paid any more: one, however often and wherever it is asked.
    async fn renew_checkout(&self, caller: &Caller, slot: &Assistant, old: &str) -> Result<GoOn, Error> {
        let product = self.config().product(slot.mode).ok_or(Error::PaymentNotConfigured)?.to_owned();
        let key = format!("checkout {} after {old}", slot.id);
        match self.claim_patiently(caller, &key).await? {
            Claimed::First(claim) => {
                let made =
                    self.under_claim(&claim, kept, self.replace_checkout(caller, slot.id, product)).await;
                if !matches!(made, Ok(GoOn::Checkout(_))) {
                    self.settle_request(&claim, None).await?;
                }
                made
            }
            Claimed::Before { body, .. } => Ok(GoOn::Checkout(read_kept(&body)?.1.to_owned())),
        }
    }

    async fn replace_checkout(
        &self,
        caller: &Caller,
        id: AssistantId,
        product: String,
    ) -> Result<GoOn, Error> {
        let made = self.make_checkout(caller, id, product).await.map_err(|error| {
            tracing::warn!(assistant_id = %id, %error, "no checkout could be made");
            no_checkout(&error)
        })?;
        let mut work = self.work().await?;
        let slot = self.owned_locked(&mut work.tx, caller, id).await?;
        // Paid meanwhile, after all: nobody is sent to the new checkout.
        if slot.state != State::PendingPayment {
            return Ok(GoOn::Slot(id));
        }
        work.tx.set_checkout(id, &made.id, &made.url).await?;
        work.tx.ask_anew(id, &made.id, work.now.plus(FIRST_ASK_AFTER), work.now).await?;
        work.done(Done::Purchased(&Purchased { id, checkout_url: made.url.clone() })).await?;
        work.commit().await?;
        Ok(GoOn::Checkout(made.url))
    }

    /// The caller's newest unpaid slots of the last seven days, at most ten.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope.
    pub async fn unpaid(&self, caller: &Caller) -> Result<Vec<AssistantRecord>, Error> {
        caller.require(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let since = self.now().minus(UNPAID_KEPT_FOR);
        let found = tx.unpaid_of(caller.user_id, since, UNPAID_MAX).await?;
        Ok(found.iter().map(Assistant::record).collect())
    }

    /// How the payment of a slot stands: for people who come back from the checkout. It grants nothing. `None` when the
    /// slot is paid.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn payment_standing(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<PaymentStanding>, Error> {
        let slot = self.find(caller, Scope::Read, id).await?;
        if slot.state != State::PendingPayment {
            return Ok(None);
        }
        let known = self.store().read().await?.checkout_of(slot.id).await?;
        let Some((checkout, _)) = known else { return Ok(Some(PaymentStanding::Closed)) };
        if self.count_check(caller.user_id).await?.is_over {
            return Ok(Some(PaymentStanding::Unknown));
        }
        let asked = timeout(STANDING_TIMEOUT, self.ports().payments.checkout(&checkout)).await;
        Ok(Some(match asked {
            Ok(Ok(facts)) => match facts.map(|facts| facts.standing) {
                Some(CheckoutStanding::Open) => PaymentStanding::Open,
                Some(CheckoutStanding::Used) => PaymentStanding::Confirming,
                Some(CheckoutStanding::Closed) | None => PaymentStanding::Closed,
            },
            Ok(Err(_)) | Err(_) => PaymentStanding::Unknown,
        }))
    }
}

/// What is kept of a checkout that was made: the slot and the URL.
fn kept(done: Done<'_>) -> Result<(u16, String), Error> {
    match done {
        Done::Purchased(bought) => Ok((201, format!("{} {}", bought.id, bought.checkout_url))),
        Done::Record(_) | Done::Deleted => Err(Error::internal("a checkout is neither a record nor deleted")),
    }
}

fn read_kept(body: &str) -> Result<(&str, &str), Error> {
    body.split_once(' ').ok_or_else(|| Error::internal("a kept checkout cannot be read"))
}
