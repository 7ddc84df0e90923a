//! Buying with a form: one checkout per form, resuming an unpaid order, and the state of a payment for the page that waits.

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

/// How long an unpaid order is offered on the page for new assistants.
const UNPAID_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const UNPAID_MAX: i64 = 10;
/// How long a page waits for Polar to report the status of a checkout.
const STANDING_TIMEOUT: Duration = Duration::from_secs(3);

/// Where to send a buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// The checkout with this URL.
    Checkout(String),
    /// The assistant's page, because nothing has to be paid.
    Slot(AssistantId),
}

/// The state of the payment of an unpaid assistant, as Polar reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentStanding {
    /// The checkout is open and nothing was paid.
    Open,
    /// The checkout is paid or being paid, and its webhook is on the way.
    Confirming,
    /// The checkout has expired or failed, and nothing was charged.
    Closed,
    /// Polar did not answer.
    Unknown,
}

impl Services {
    /// Orders as [`Self::purchase`] does, once per form: for a day, the same token and mode lead to the same order and its
    /// checkout, in any process and also at the same time.
    ///
    /// # Errors
    /// As [`Self::purchase`], and [`Error::InvalidRequest`] without a valid token.
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

    /// Resumes an unpaid order: at its checkout while that is open, else at a new checkout for the same order. If it is paid
    /// or being paid, the buyer is sent to the assistant's page.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::RateLimited`] after too many requests within a minute,
    /// [`Error::PaymentNotConfigured`], and [`Error::CheckoutRefused`] or [`Error::PaymentProviderUnavailable`] when a new
    /// checkout is needed and cannot be created.
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
                // The checkout's own page shows its status and cannot be paid twice.
                tracing::warn!(assistant_id = %slot.id, %error, "checkout status unavailable");
                Ok(GoOn::Checkout(url))
            }
        }
    }

    /// Replaces a checkout that can no longer be paid. The idempotency key makes sure that concurrent requests create one.
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
            tracing::warn!(assistant_id = %id, %error, "checkout creation failed");
            no_checkout(&error)
        })?;
        let mut work = self.work().await?;
        let slot = self.owned_locked(&mut work.tx, caller, id).await?;
        // The order was paid meanwhile, so the new checkout is not used.
        if slot.state != State::PendingPayment {
            return Ok(GoOn::Slot(id));
        }
        work.tx.set_checkout(id, &made.id, &made.url).await?;
        work.tx.ask_anew(id, &made.id, work.now.plus(FIRST_ASK_AFTER), work.now).await?;
        work.done(Done::Purchased(&Purchased { id, checkout_url: made.url.clone() })).await?;
        work.commit().await?;
        Ok(GoOn::Checkout(made.url))
    }

    /// The caller's unpaid orders of the last seven days, newest first, at most ten.
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

    /// The state of a payment, for the page that a buyer returns to from the checkout. It grants nothing. `None` when the
    /// assistant is paid.
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

/// The saved response of a checkout: the assistant's id and the URL.
fn kept(done: Done<'_>) -> Result<(u16, String), Error> {
    match done {
        Done::Purchased(bought) => Ok((201, format!("{} {}", bought.id, bought.checkout_url))),
        Done::Record(_) | Done::Deleted => {
            Err(Error::internal("the saved response of a checkout has another type"))
        }
    }
}

fn read_kept(body: &str) -> Result<(&str, &str), Error> {
    body.split_once(' ').ok_or_else(|| Error::internal("the saved response of a checkout is malformed"))
}
