//! The reconciler: webhooks get lost, so Polar is checked for the state of payments. Answers are applied like webhooks.
//!
//! A check reads the state and not what has happened, so a second answer changes nothing. A check is claimed in the database,
//! and all processes share one rate budget.

use std::collections::BTreeSet;
use std::time::Duration;

use reef_domain::ids::AssistantId;
use reef_domain::{Assistant, Chain, State, Timestamp};
use reef_store::AskRow;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::apply::Source;
use super::event::Event;
use super::facts::{CheckoutStanding, OrderFacts, Standing, SubscriptionFacts};
use super::schedule::{Asked, CLAIM, HURRIES_MAX, HURRY, HURRY_AFTER, Outlook, PACE, next};
use crate::error::Error;
use crate::ports::PaymentError;
use crate::services::Services;
use crate::work::Work;

/// How often due checks are looked for.
const TICK: Duration = Duration::from_secs(1);
/// How long checks pause when Polar answers 429 without a `Retry-After`.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause, whatever Polar's `Retry-After` is.
const PATIENCE_MAX: Duration = Duration::from_secs(3600);
/// Further subscriptions of an assistant that are read in one check.
const OTHERS_MAX: usize = 2;

/// The result of a payment check.
struct Told {
    events: Vec<Event>,
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
                done = async { self.watch_endpoint().await?; self.reconcile_due().await } => done,
            };
            if let Err(error) = done {
                tracing::error!(error = %Chain(&error), "payment checks failed");
            }
        }
    }

    /// Runs the due payment checks that the rate budget allows, and returns how many ran.
    ///
    /// # Errors
    /// [`Error::Internal`]; the claimed check runs again in a minute.
    pub async fn reconcile_due(&self) -> Result<usize, Error> {
        let mut asked = 0;
        while let Some(row) = self.claim_ask().await? {
            self.reconcile_one(&row).await?;
            asked += 1;
        }
        Ok(asked)
    }

    async fn claim_ask(&self) -> Result<Option<AskRow>, Error> {
        let now = self.now();
        // Nothing is due most of the time, which a read finds out without a lock.
        if self.store().read().await?.asks_overdue(now).await?.0 == 0 {
            return Ok(None);
        }
        let mut tx = self.store().begin().await?;
        let row = tx.claim_ask(now, now.plus(CLAIM), PACE).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn reconcile_one(&self, row: &AskRow) -> Result<(), Error> {
        let slot = row.assistant_id;
        let assistant = match self.store().read().await?.assistant(slot).await {
            Err(error @ reef_store::StoreError::Corrupt { .. }) => {
                tracing::error!(error = %Chain(&error), "payment check skipped, the assistant is unreadable");
                return self.settle(row, Outlook::Refused, false, self.now()).await;
            }
            read => read?,
        };
        let is_deleted = assistant.is_none();
        let told = match self.ask(row, assistant.as_ref()).await {
            Ok(told) => told,
            Err(PaymentError::TooMany { retry_after }) => {
                let wait = retry_after.unwrap_or(PATIENCE).min(PATIENCE_MAX);
                tracing::warn!(seconds = wait.as_secs(), "rate limited by polar, payment checks pause");
                let mut tx = self.store().begin().await?;
                tx.pause_asking(self.now().plus(wait), PACE).await?;
                tx.commit().await?;
                return self.settle(row, Outlook::NoAnswer, is_deleted, self.now()).await;
            }
            Err(error) => {
                tracing::warn!(assistant_id = %slot, %error, "payment check failed");
                let is_refused = matches!(error, PaymentError::Refused { .. });
                let outlook = if is_refused { Outlook::Refused } else { Outlook::NoAnswer };
                return self.settle(row, outlook, is_deleted, self.now()).await;
            }
        };
        let mut work = self.work().await?;
        for event in &told.events {
            let outcome = self.apply_payment(&mut work, event, Source::Answer).await?;
            tracing::debug!(assistant_id = %slot, kind = event.kind(), outcome, "payment check applied");
        }
        self.credit_orders(&mut work, slot, &told.paid).await?;
        let now = work.now;
        // A crash between the two transactions only repeats the check.
        work.commit().await?;
        self.settle(row, told.outlook, is_deleted, now).await
    }

    /// Adds the credit of every paid order for a billing period of the assistant's subscription, once each.
    async fn credit_orders(
        &self,
        work: &mut Work<'_>,
        slot: AssistantId,
        paid: &[OrderFacts],
    ) -> Result<(), Error> {
        let Some(assistant) = work.tx.lock_assistant(slot).await? else { return Ok(()) };
        let is_mine = |order: &&OrderFacts| {
            order.is_for_a_period && order.subscription_id == assistant.payment.subscription_id
        };
        // Without the period, because a listed order carries the subscription as it is now.
        for order in paid.iter().rev().filter(is_mine) {
            self.credit_period(work, &assistant, order.id.as_deref(), None).await?;
        }
        Ok(())
    }

    async fn settle(
        &self,
        row: &AskRow,
        outlook: Outlook,
        is_deleted: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let asked = Asked { asks: row.asks, since: row.since, closed_at: row.closed_at, is_deleted };
        let (at, asked) = next(outlook, asked, now);
        let at = at.map(|at| self.jittered(now, at));
        let mut tx = self.store().begin().await?;
        tx.settle_ask(row, at, asked.asks, asked.closed_at).await?;
        Ok(tx.commit().await?)
    }

    /// Adds up to a tenth, so that orders of the same moment are not always checked at the same moment.
    fn jittered(&self, now: Timestamp, at: Timestamp) -> Timestamp {
        let mut byte = [0];
        self.ports().entropy.fill(&mut byte);
        at.plus(at.since(now) / 10 * u32::from(byte[0]) / 255)
    }

    /// Expedites the payment check of an order that a buyer is waiting for, unless it was checked a moment ago.
    pub(crate) async fn hurry_ask(&self, slot: AssistantId) -> Result<(), Error> {
        let mut tx = self.store().begin().await?;
        let now = self.now();
        tx.hurry_ask(slot, now.plus(HURRY), now.minus(HURRY_AFTER), HURRIES_MAX).await?;
        Ok(tx.commit().await?)
    }

    /// Reads the state of a payment: for an unpaid or deleted assistant the checkout and everything with its id, for a paid one
    /// the subscription. Its orders show refunds and subscriptions whose webhooks were lost.
    async fn ask(&self, row: &AskRow, assistant: Option<&Assistant>) -> Result<Told, PaymentError> {
        let (slot, payments) = (row.assistant_id, &self.ports().payments);
        let paid_by = assistant
            .filter(|a| a.state != State::PendingPayment)
            .and_then(|a| a.payment.subscription_id.as_deref());
        let Some(mine) = paid_by else {
            let checkout = match &row.checkout_id {
                Some(id) => payments.checkout(id).await?.map(|checkout| checkout.standing),
                None => None,
            };
            if checkout == Some(CheckoutStanding::Open) {
                return Ok(Told {
                    events: vec![],
                    paid: vec![],
                    outlook: Outlook::Unpaid { is_closed: Some(false) },
                });
            }
            let mut subscriptions = payments.subscriptions_of(slot).await?;
            // A server that ignores the metadata filter answers with the subscriptions of all assistants.
            subscriptions.retain(|s| s.slot == Some(slot));
            // Oldest first, because the oldest is the one that pays.
            subscriptions.reverse();
            let orders = if assistant.is_some() { self.orders_of(slot).await? } else { vec![] };
            let is_closed = checkout.map(|standing| standing == CheckoutStanding::Closed);
            let is_paid = assistant.is_some_and(|a| a.payment.entitles());
            let unpaid = if is_paid { Outlook::Paid { until: None } } else { Outlook::Unpaid { is_closed } };
            return Ok(told(subscriptions, orders, unpaid, assistant.is_none()));
        };
        let mut subscriptions: Vec<_> = payments.subscription(mine).await?.into_iter().collect();
        if subscriptions.is_empty() {
            // Polar keeps ended subscriptions, so this is rather a wrong token or organization. Nothing is stopped for it.
            tracing::warn!(assistant_id = %slot, subscription_id = mine, "subscription unknown to polar");
        }
        let orders = self.orders_of(slot).await?;
        let others: BTreeSet<_> = orders
            .iter()
            .filter(|order| order.is_paid && !order.is_refunded_in_full)
            .filter_map(|order| order.subscription_id.as_deref())
            .filter(|id| *id != mine)
            .collect();
        for id in others.into_iter().take(OTHERS_MAX) {
            subscriptions.extend(payments.subscription(id).await?.filter(|s| s.slot == Some(slot)));
        }
        Ok(told(subscriptions, orders, Outlook::Paid { until: None }, false))
    }

    async fn orders_of(&self, slot: AssistantId) -> Result<Vec<OrderFacts>, PaymentError> {
        let mut orders = self.ports().payments.orders_of(slot).await?;
        orders.retain(|order| order.slot == Some(slot));
        Ok(orders)
    }
}

/// Evaluates the answers; `nothing` is the outlook without any subscription.
fn told(
    subscriptions: Vec<SubscriptionFacts>,
    orders: Vec<OrderFacts>,
    nothing: Outlook,
    is_deleted: bool,
) -> Told {
    let outlook = match subscriptions.iter().find(|s| s.standing != Standing::Ended) {
        None if subscriptions.is_empty() => nothing,
        None if is_deleted || orders.iter().any(|order| order.is_refunded_in_full) => Outlook::Over,
        None => Outlook::Ended { until: subscriptions.iter().filter_map(|s| s.current_period_end).max() },
        Some(s) if s.standing == Standing::Active && !is_deleted => {
            Outlook::Paid { until: s.current_period_end }
        }
        Some(_) => Outlook::Unsettled,
    };
    let paid = orders.iter().filter(|order| order.is_paid && !order.is_refunded_in_full).cloned().collect();
    let is_refunded = orders.iter().any(|order| order.is_refunded_in_full);
    let orders = orders.into_iter().filter_map(|order| match &order {
        _ if order.is_refunded_in_full => Some(Event::OrderRefunded(order)),
        // An order with a subscription is covered by the state of that.
        _ if order.is_paid && order.subscription_id.is_none() => Some(Event::OrderPaid(order)),
        _ => None,
    });
    let events = subscriptions.into_iter().map(Event::State).chain(orders).collect();
    // The subscription of a refunded order is being revoked.
    let outlook = match outlook {
        Outlook::Paid { .. } if is_refunded => Outlook::Unsettled,
        other => other,
    };
    Told { events, paid, outlook }
}
