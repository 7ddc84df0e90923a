//! The reconciler: webhooks get lost, so Polar is checked for the state of payments. Answers are applied like webhooks.
//!
//! A check reads the state and not what has happened, so a second answer changes nothing. A check is claimed in the database,
//! and all processes share one rate budget.

use std::collections::BTreeSet;
use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::{Assistant, ErrorChain, State, Timestamp};
use reef_jobs::with_jitter;
use reef_ports::{
    CheckoutStatus, OrderFacts, PaymentError, PaymentEvent, SubscriptionFacts, SubscriptionStatus,
};
use reef_store::PaymentCheckRow;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::billing::apply::Source;
use crate::billing::schedule::{
    CLAIM, CheckProgress, EXPEDITE_INTERVAL, EXPEDITED_DELAY, EXPEDITES_MAX, Outlook, RATE_BUDGET, next_check,
};
use crate::error::Error;
use crate::services::Services;
use crate::unit_of_work::UnitOfWork;

/// How often due checks are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long checks pause when Polar answers 429 without a `Retry-After`.
const DEFAULT_PAUSE: Duration = Duration::from_secs(60);
/// How much jitter may lengthen a wait, so that orders of the same moment are not always checked at the same moment.
const JITTER_PERCENT: u32 = 10;
/// The longest pause, whatever Polar's `Retry-After` is.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// Further subscriptions of an assistant that are read in one check.
const OTHERS_MAX: usize = 2;

/// The result of a payment check.
struct PolarAnswer {
    events: Vec<PaymentEvent>,
    /// The orders that are paid and not refunded, newest first.
    paid: Vec<OrderFacts>,
    outlook: Outlook,
}

impl Services {
    /// Runs due payment checks and checks of the webhook endpoint until `stop`.
    pub async fn reconcile(&self, stop: CancellationToken) {
        if !self.config().payments_configured {
            return;
        }
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // A check that is interrupted runs again when its claim expires.
            let done = tokio::select! {
                () = stop.cancelled() => return,
                done = async { self.check_endpoint_if_due().await?; self.reconcile_due().await } => done,
            };
            if let Err(error) = done {
                tracing::error!(error = %ErrorChain(&error), "payment checks failed");
            }
        }
    }

    /// Runs the due payment checks that the rate budget allows, and returns how many ran.
    ///
    /// # Errors
    /// [`Error::Internal`]; the claimed check runs again in a minute.
    pub async fn reconcile_due(&self) -> Result<usize, Error> {
        let mut checked = 0;
        while let Some(row) = self.claim_payment_check().await? {
            self.reconcile_one(&row).await?;
            checked += 1;
        }
        Ok(checked)
    }

    async fn claim_payment_check(&self) -> Result<Option<PaymentCheckRow>, Error> {
        let now = self.now();
        // Nothing is due most of the time, which a read finds out without a lock.
        if !self.store().read().await?.has_overdue_payment_check(now).await? {
            return Ok(None);
        }
        let mut tx = self.store().begin().await?;
        let row = tx.claim_payment_check(now, now.plus(CLAIM), RATE_BUDGET).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn reconcile_one(&self, row: &PaymentCheckRow) -> Result<(), Error> {
        let assistant_id = row.assistant_id;
        let assistant = match self.store().read().await?.find_assistant(assistant_id).await {
            Err(error @ reef_store::StoreError::Corrupt { .. }) => {
                tracing::error!(error = %ErrorChain(&error), "payment check skipped, the assistant is unreadable");
                return self.settle(row, Outlook::Refused, false, self.now()).await;
            }
            read => read?,
        };
        let is_deleted = assistant.is_none();
        let answer = match self.check_payment(row, assistant.as_ref()).await {
            Ok(answer) => answer,
            Err(PaymentError::RateLimited { retry_after }) => {
                let wait = retry_after.unwrap_or(DEFAULT_PAUSE).min(PAUSE_MAX);
                tracing::warn!(seconds = wait.as_secs(), "rate limited by polar, payment checks pause");
                let mut tx = self.store().begin().await?;
                tx.pause_payment_checks(self.now().plus(wait), RATE_BUDGET).await?;
                tx.commit().await?;
                return self.settle(row, Outlook::NoAnswer, is_deleted, self.now()).await;
            }
            Err(error) => {
                tracing::warn!(%assistant_id, %error, "payment check failed");
                let is_refused = matches!(error, PaymentError::Refused { .. });
                let outlook = if is_refused { Outlook::Refused } else { Outlook::NoAnswer };
                return self.settle(row, outlook, is_deleted, self.now()).await;
            }
        };
        let mut work = self.unit_of_work().await?;
        for event in &answer.events {
            let outcome = self.apply_payment(&mut work, event, Source::Check).await?;
            tracing::debug!(%assistant_id, kind = event.type_name(), outcome = outcome.as_str(), "payment check applied");
        }
        self.credit_orders(&mut work, assistant_id, &answer.paid).await?;
        let now = work.now;
        // A crash between the two transactions only repeats the check.
        work.commit(None).await?;
        self.settle(row, answer.outlook, is_deleted, now).await
    }

    /// Adds the credit of every paid order for a billing period of the assistant's subscription, once each.
    async fn credit_orders(
        &self,
        work: &mut UnitOfWork<'_>,
        assistant_id: AssistantId,
        paid: &[OrderFacts],
    ) -> Result<(), Error> {
        let Some(assistant) = work.tx.lock_assistant(assistant_id).await? else { return Ok(()) };
        let is_mine = |order: &&OrderFacts| {
            order.is_for_a_period && order.subscription_id == assistant.payment.subscription_id
        };
        // Without the period, because a listed order carries the subscription as it is now.
        for order in paid.iter().rev().filter(is_mine) {
            self.add_period_credit(work, &assistant, order.id.as_deref(), None).await?;
        }
        Ok(())
    }

    async fn settle(
        &self,
        row: &PaymentCheckRow,
        outlook: Outlook,
        is_deleted: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let progress = CheckProgress {
            checks: row.check_count,
            ordered_at: row.ordered_at,
            closed_at: row.checkout_closed_at,
            is_deleted,
        };
        let (at, progress) = next_check(outlook, progress, now);
        let at = at.map(|at| now.plus(with_jitter(at.since(now), JITTER_PERCENT, &*self.ports().entropy)));
        let mut tx = self.store().begin().await?;
        tx.complete_payment_check(row, at, progress.checks, progress.closed_at).await?;
        Ok(tx.commit().await?)
    }

    /// Expedites the payment check of an order that a buyer is waiting for, unless it was checked a moment ago.
    pub(crate) async fn expedite_payment_check(&self, assistant_id: AssistantId) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let now = self.now();
        tx.expedite_payment_check(
            assistant_id,
            now.plus(EXPEDITED_DELAY),
            now.minus(EXPEDITE_INTERVAL),
            EXPEDITES_MAX,
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// Reads the state of a payment: for an unpaid or deleted assistant the checkout and everything with its id, for a paid one
    /// the subscription. Its orders show refunds and subscriptions whose webhooks were lost.
    async fn check_payment(
        &self,
        row: &PaymentCheckRow,
        assistant: Option<&Assistant>,
    ) -> Result<PolarAnswer, PaymentError> {
        let (assistant_id, payments) = (row.assistant_id, &self.ports().payments);
        let paid_by = assistant
            .filter(|a| a.state != State::PendingPayment)
            .and_then(|a| a.payment.subscription_id.as_deref());
        let Some(subscription_id) = paid_by else {
            let checkout = match &row.checkout_id {
                Some(id) => payments.checkout(id).await?.map(|checkout| checkout.status),
                None => None,
            };
            if checkout == Some(CheckoutStatus::Open) {
                return Ok(PolarAnswer {
                    events: vec![],
                    paid: vec![],
                    outlook: Outlook::Unpaid { is_closed: Some(false) },
                });
            }
            let mut subscriptions = payments.subscriptions_of(assistant_id).await?;
            // A server that ignores the metadata filter answers with the subscriptions of all assistants.
            subscriptions.retain(|s| s.assistant_id == Some(assistant_id));
            // Oldest first, because the oldest is the one that pays.
            subscriptions.reverse();
            let orders = if assistant.is_some() { self.orders_of(assistant_id).await? } else { vec![] };
            let is_closed = checkout.map(|status| status == CheckoutStatus::Closed);
            let is_paid = assistant.is_some_and(|a| a.payment.can_run());
            let unpaid = if is_paid { Outlook::Paid { until: None } } else { Outlook::Unpaid { is_closed } };
            return Ok(evaluate(subscriptions, orders, unpaid, assistant.is_none()));
        };
        let mut subscriptions: Vec<_> = payments.subscription(subscription_id).await?.into_iter().collect();
        if subscriptions.is_empty() {
            // Polar keeps ended subscriptions, so this is more likely a wrong token or organization. Nothing is stopped
            // because of it.
            tracing::warn!(%assistant_id, subscription_id = subscription_id, "subscription unknown to polar");
        }
        let orders = self.orders_of(assistant_id).await?;
        let others: BTreeSet<_> = orders
            .iter()
            .filter(|order| order.is_paid && !order.is_refunded_in_full)
            .filter_map(|order| order.subscription_id.as_deref())
            .filter(|id| *id != subscription_id)
            .collect();
        for id in others.into_iter().take(OTHERS_MAX) {
            subscriptions
                .extend(payments.subscription(id).await?.filter(|s| s.assistant_id == Some(assistant_id)));
        }
        Ok(evaluate(subscriptions, orders, Outlook::Paid { until: None }, false))
    }

    async fn orders_of(&self, assistant_id: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        let mut orders = self.ports().payments.orders_of(assistant_id).await?;
        orders.retain(|order| order.assistant_id == Some(assistant_id));
        Ok(orders)
    }
}

/// Evaluates Polar's answer; `without_subscription` is the outlook if there is no subscription.
fn evaluate(
    subscriptions: Vec<SubscriptionFacts>,
    orders: Vec<OrderFacts>,
    without_subscription: Outlook,
    is_deleted: bool,
) -> PolarAnswer {
    let outlook = match subscriptions.iter().find(|s| s.status != SubscriptionStatus::Ended) {
        None if subscriptions.is_empty() => without_subscription,
        None if is_deleted || orders.iter().any(|order| order.is_refunded_in_full) => Outlook::Over,
        None => Outlook::Ended { until: subscriptions.iter().filter_map(|s| s.current_period_end).max() },
        Some(s) if s.status == SubscriptionStatus::Active && !is_deleted => {
            Outlook::Paid { until: s.current_period_end }
        }
        Some(_) => Outlook::Unsettled,
    };
    let paid = orders.iter().filter(|order| order.is_paid && !order.is_refunded_in_full).cloned().collect();
    let is_refunded = orders.iter().any(|order| order.is_refunded_in_full);
    let orders = orders.into_iter().filter_map(|order| match &order {
        _ if order.is_refunded_in_full => Some(PaymentEvent::OrderRefunded(order)),
        // An order with a subscription is covered by the state of that subscription.
        _ if order.is_paid && order.subscription_id.is_none() => Some(PaymentEvent::OrderPaid(order)),
        _ => None,
    });
    let events = subscriptions.into_iter().map(PaymentEvent::SubscriptionChecked).chain(orders).collect();
    // The subscription of a refunded order is being revoked.
    let outlook = match outlook {
        Outlook::Paid { .. } if is_refunded => Outlook::Unsettled,
        other => other,
    };
    PolarAnswer { events, paid, outlook }
}
