//! Buying with a form: one checkout per form, resuming an unpaid order, and the state of a payment for the page that waits.

use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::input::Parsed;
use reef_domain::wire::{ApiMode, AssistantRecord, Scope};
use reef_domain::{Assistant, State};
use tokio::time::timeout;

use crate::billing::FIRST_CHECK_AFTER;
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::{ClaimResult, Outcome, Purchased, RequestKey};
use crate::services::Services;
use reef_ports::{Checkout, CheckoutRefusal, CheckoutStatus, NewCheckout, PaymentError};

/// How long an unpaid order is offered on the page for new assistants.
const UNPAID_OFFERED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const UNPAID_MAX: i64 = 10;
/// How long a page waits for Polar to report the status of a checkout.
const CHECKOUT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where to send a buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckoutRedirect {
    /// The checkout with this URL.
    Checkout(String),
    /// The assistant's page, because nothing has to be paid.
    Assistant(AssistantId),
}

/// The state of the payment of an unpaid assistant, as Polar reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutProgress {
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
    ) -> Result<CheckoutRedirect, Error> {
        caller.require_scope(Scope::Write)?;
        let mode = mode.map_err(Error::InvalidRequest)?;
        let key = RequestKey::of_form(mode.as_str(), token)?;
        match self.claim_or_wait(caller, &key).await? {
            ClaimResult::New(claim) => {
                let bought = self.run_with_claim(&claim, self.purchase(caller, Ok(mode))).await;
                if bought.is_err() {
                    self.settle_request(&claim, None).await?;
                }
                Ok(CheckoutRedirect::Checkout(bought?.checkout_url))
            }
            ClaimResult::Replay(outcome) => {
                self.resume_checkout(caller, &purchased(outcome)?.id.to_string()).await
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
    pub async fn resume_checkout(&self, caller: &Caller, id: &str) -> Result<CheckoutRedirect, Error> {
        let order = self.authorize_assistant(caller, Scope::Write, id).await?;
        if order.state != State::PendingPayment {
            return Ok(CheckoutRedirect::Assistant(order.id));
        }
        self.require_check_quota(caller.user_id).await?;
        let known = self.store().read().await?.find_checkout(order.id).await?;
        let Some((checkout, url)) = known else { return self.renew_checkout(caller, &order, None).await };
        match self.ports().payments.checkout(&checkout).await {
            Ok(Some(facts)) => match facts.status {
                CheckoutStatus::Open => Ok(CheckoutRedirect::Checkout(url)),
                CheckoutStatus::Paying => {
                    self.expedite_payment_check(order.id).await?;
                    Ok(CheckoutRedirect::Assistant(order.id))
                }
                CheckoutStatus::Closed => self.renew_checkout(caller, &order, Some(checkout)).await,
            },
            Ok(None) => self.renew_checkout(caller, &order, Some(checkout)).await,
            Err(error) => {
                // The checkout's own page shows its status and cannot be paid twice.
                tracing::warn!(assistant_id = %order.id, %error, "checkout status unavailable");
                Ok(CheckoutRedirect::Checkout(url))
            }
        }
    }

    /// Replaces a checkout that can no longer be paid. The idempotency key makes sure that concurrent requests create one.
    async fn renew_checkout(
        &self,
        caller: &Caller,
        order: &Assistant,
        replaced: Option<String>,
    ) -> Result<CheckoutRedirect, Error> {
        let product = self.config().product(order.mode).ok_or(Error::PaymentNotConfigured)?.to_owned();
        let key = RequestKey::Checkout { order: order.id, replaced };
        match self.claim_or_wait(caller, &key).await? {
            ClaimResult::New(claim) => {
                let redirect =
                    self.run_with_claim(&claim, self.replace_checkout(caller, order.id, product)).await;
                if !matches!(redirect, Ok(CheckoutRedirect::Checkout(_))) {
                    self.settle_request(&claim, None).await?;
                }
                redirect
            }
            ClaimResult::Replay(outcome) => Ok(CheckoutRedirect::Checkout(purchased(outcome)?.checkout_url)),
        }
    }

    /// Creates a checkout for an assistant at Polar.
    pub(crate) async fn create_checkout(
        &self,
        caller: &Caller,
        id: AssistantId,
        product: String,
    ) -> Result<Checkout, PaymentError> {
        let page = format!("{}/assistants/{id}", self.config().public_url);
        let new = NewCheckout {
            assistant_id: id,
            user_id: caller.user_id,
            product,
            success_url: format!("{page}?checkout_id={{CHECKOUT_ID}}"),
            return_url: page,
        };
        self.ports().payments.create_checkout(&new).await
    }

    async fn replace_checkout(
        &self,
        caller: &Caller,
        id: AssistantId,
        product: String,
    ) -> Result<CheckoutRedirect, Error> {
        let checkout = self.create_checkout(caller, id, product).await.map_err(|error| {
            tracing::warn!(assistant_id = %id, %error, "checkout creation failed");
            checkout_error(&error)
        })?;
        let mut work = self.unit_of_work().await?;
        let order = self.lock_owned_assistant(&mut work.tx, caller, id).await?;
        // The order was paid meanwhile, so the new checkout is not used.
        if order.state != State::PendingPayment {
            return Ok(CheckoutRedirect::Assistant(id));
        }
        work.tx.update_checkout(id, &checkout.id, &checkout.url).await?;
        work.tx.reset_payment_checks(id, &checkout.id, work.now.plus(FIRST_CHECK_AFTER), work.now).await?;
        let purchased = Purchased { id, checkout_url: checkout.url.clone() };
        work.commit(Some(&Outcome::Purchased(purchased))).await?;
        Ok(CheckoutRedirect::Checkout(checkout.url))
    }

    /// The caller's unpaid orders of the last seven days, newest first, at most ten.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope.
    pub async fn list_unpaid(&self, caller: &Caller) -> Result<Vec<AssistantRecord>, Error> {
        caller.require_scope(Scope::Read)?;
        let mut tx = self.store().read().await?;
        let since = self.now().minus(UNPAID_OFFERED_FOR);
        let found = tx.list_unpaid_assistants(caller.user_id, since, UNPAID_MAX).await?;
        Ok(found.iter().map(Assistant::record).collect())
    }

    /// The state of a payment, for the page that a buyer returns to from the checkout. It grants nothing. `None` when the
    /// assistant is paid.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the read scope, [`Error::NotFound`].
    pub async fn check_checkout_progress(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<CheckoutProgress>, Error> {
        let assistant = self.authorize_assistant(caller, Scope::Read, id).await?;
        if assistant.state != State::PendingPayment {
            return Ok(None);
        }
        let known = self.store().read().await?.find_checkout(assistant.id).await?;
        let Some((checkout, _)) = known else { return Ok(Some(CheckoutProgress::Closed)) };
        if self.count_check(caller.user_id).await?.is_exceeded {
            return Ok(Some(CheckoutProgress::Unknown));
        }
        let answer = timeout(CHECKOUT_TIMEOUT, self.ports().payments.checkout(&checkout)).await;
        Ok(Some(match answer {
            Ok(Ok(facts)) => match facts.map(|facts| facts.status) {
                Some(CheckoutStatus::Open) => CheckoutProgress::Open,
                Some(CheckoutStatus::Paying) => CheckoutProgress::Confirming,
                Some(CheckoutStatus::Closed) | None => CheckoutProgress::Closed,
            },
            Ok(Err(_)) | Err(_) => CheckoutProgress::Unknown,
        }))
    }
}

/// The order that a request for a checkout has led to.
fn purchased(outcome: Outcome) -> Result<Purchased, Error> {
    match outcome {
        Outcome::Purchased(purchased) => Ok(purchased),
        other => Err(Error::internal(format!("a checkout has another outcome: {other:?}"))),
    }
}

/// What a failed checkout means for the buyer.
pub(crate) fn checkout_error(error: &PaymentError) -> Error {
    match error {
        PaymentError::CheckoutRefused { refusal: why, .. } => Error::CheckoutRefused(*why),
        PaymentError::Refused { .. } => Error::CheckoutRefused(CheckoutRefusal::Other),
        PaymentError::RateLimited { .. } | PaymentError::Unavailable(_) => Error::PaymentProviderUnavailable,
    }
}
