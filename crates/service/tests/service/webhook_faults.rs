//! Webhooks are duplicated, reordered, delayed, dropped and forged: in the end Reef agrees with Polar.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reef_domain::Timestamp;
use reef_domain::ids::AssistantId;
use reef_domain::wire::{AssistantRecord, PaymentStatus, Status};
use reef_ports::Payments as _;
use reef_ports::SubscriptionStatus;
use reef_service::testing::TestServices;
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, delete, redeploy, stop};

const ROUNDS: usize = 6;
const SLOTS: usize = 5;
const STEPS: usize = 90;

/// What happens to an assistant's subscription, in Polar's terms.
#[derive(Clone, Copy, Debug)]
enum Occurrence {
    Pay,
    PaySecond,
    Renew,
    Fail,
    Recover,
    Cancel,
    Uncancel,
    /// A failed renewal in Polar's older form, before it had an event of its own.
    RevokeOverdue,
    Revoke,
    Reinstate,
    Pause,
    Resume,
    Refund,
    /// What the owner does to the assistant.
    Activate,
    Redeploy,
    Stop,
    Delete,
}

/// The fate of one webhook.
#[derive(Clone, Copy, Debug)]
struct Fate {
    dropped: bool,
    /// The delay of the first copy, in minutes.
    first: u64,
    second: Option<u64>,
}

fn fate() -> impl Strategy<Value = Fate> {
    let minutes = || prop_oneof![3 => Just(0_u64), 2 => 0_u64..=60];
    (prop::bool::weighted(0.3), minutes(), prop::option::weighted(0.3, minutes()))
        .prop_map(|(dropped, first, second)| Fate { dropped, first, second })
}

fn step() -> impl Strategy<Value = (usize, Occurrence, Vec<Fate>, u64, bool)> {
    use Occurrence::{
        Activate, Cancel, Delete, Fail, Pause, Pay, PaySecond, Recover, Redeploy, Refund, Reinstate, Renew,
        Resume, Revoke, RevokeOverdue, Stop, Uncancel,
    };
    let happening = prop_oneof![
        8 => Just(Pay), 1 => Just(PaySecond), 4 => Just(Renew), 4 => Just(Fail), 4 => Just(Recover), 3 => Just(Cancel),
        3 => Just(Uncancel), 3 => Just(RevokeOverdue), 2 => Just(Revoke), 4 => Just(Reinstate), 6 => Just(Pause),
        6 => Just(Resume), 1 => Just(Refund), 8 => Just(Activate), 2 => Just(Redeploy), 2 => Just(Stop),
        1 => Just(Delete),
    ];
    // The last two are the minutes until the next step, and whether Reef checks with Polar meanwhile.
    (0..SLOTS, happening, prop::collection::vec(fate(), 4), 0_u64..40, any::<bool>())
}

struct Slot {
    id: AssistantId,
    is_deleted: bool,
    /// Whether its owner wants it to run; `None` before activation.
    is_wanted: Option<bool>,
    /// Whether its subscription has ended since the owner last started it. Then it may be stopped.
    has_ended: bool,
    /// The subscriptions and orders that Polar has.
    subscriptions: Vec<Value>,
    orders: Vec<Value>,
    periods: u32,
}

struct InFlight {
    arrives: Timestamp,
    id: String,
    body: String,
}

impl Slot {
    /// Carries out `what` if it is an action of the owner.
    async fn act_as_owner(&mut self, t: &TestServices, me: &Caller, what: Occurrence) -> bool {
        match what {
            Occurrence::Delete if !self.is_deleted => {
                delete(t, me, self.id).await.expect("a deletion");
                self.is_deleted = true;
            }
            Occurrence::Activate if self.is_wanted.is_none() && t.activate(me, self.id).await.is_ok() => {
                self.is_wanted = Some(true);
                self.has_ended = false;
            }
            Occurrence::Redeploy if redeploy(t, me, self.id).await.is_ok() => {
                self.is_wanted = Some(true);
                self.has_ended = false;
            }
            Occurrence::Stop if stop(t, me, self.id).await.is_ok() => self.is_wanted = Some(false),
            Occurrence::Delete | Occurrence::Activate | Occurrence::Redeploy | Occurrence::Stop => {}
            _ => return false,
        }
        // Run the deployment at once: after minutes of waiting it would exceed its deadline.
        t.run_jobs().await;
        true
    }

    /// The status that follows from the payment and from what the owner wants.
    fn expected(&self, payment: PaymentStatus, record: &AssistantRecord) -> Status {
        match self.is_wanted {
            None => Status::Purchased,
            Some(true) if payment.can_run() && !self.has_ended => Status::Active,
            // Whether Reef noticed a temporary end depends on the webhooks.
            Some(true) if payment.can_run() && record.status == Status::Active => Status::Active,
            Some(_) => Status::Stopped,
        }
    }
}

#[derive(Default)]
struct World {
    slots: Vec<Slot>,
    on_the_way: Vec<InFlight>,
}

impl World {
    /// Makes an occurrence happen if it is possible. Returns Polar's webhooks about it, in order.
    async fn occur(&mut self, t: &TestServices, me: &Caller, slot: usize, what: Occurrence) -> Vec<Value> {
        let number = t.next_number();
        let slot = &mut self.slots[slot];
        let now = t.services.now();
        let metadata = json!({"assistant_id": slot.id.to_string()});
        let event = |kind: &str, data: &Value| json!({"type": kind, "timestamp": now, "data": data});
        if slot.act_as_owner(t, me, what).await {
            return vec![];
        }
        let pays = matches!(what, Occurrence::Pay) && slot.subscriptions.is_empty()
            || matches!(what, Occurrence::PaySecond) && !slot.subscriptions.is_empty();
        if pays {
            t.payments.set_checkout_status(slot.id, "succeeded");
            let end = now.plus(Duration::from_secs(30 * 86400));
            let subscription = json!({"id": format!("sub_{number}"), "status": "active", "canceled_at": null,
                "ended_at": null, "current_period_end": end, "created_at": now, "modified_at": now, "metadata": metadata});
            let order = json!({"id": format!("order_{number}"), "status": "paid", "paid": true, "total_amount": 1500,
                "refunded_amount": 0, "subscription_id": subscription["id"], "metadata": metadata, "created_at": now,
                "modified_at": now});
            let webhooks = vec![
                event("subscription.created", &subscription),
                event("subscription.active", &subscription),
                event("order.paid", &order),
            ];
            slot.subscriptions.push(subscription);
            slot.orders.push(order);
            return webhooks;
        }
        let Some(subscription) = slot.subscriptions.first_mut() else { return vec![] };
        // A subscription that Reef has revoked stays revoked.
        let id = subscription["id"].as_str().expect("text");
        let is_over = subscription["ended_at"] != Value::Null;
        let is_reinstated = matches!(what, Occurrence::Reinstate);
        if is_over != is_reinstated || t.payments.revoked().iter().any(|r| r == id) {
            return vec![];
        }
        let status = subscription["status"].as_str().expect("text").to_owned();
        let mut renewal = json!({"id": format!("order_{number}"), "status": "paid", "paid": true, "total_amount": 1500,
            "refunded_amount": 0, "subscription_id": id, "metadata": metadata, "created_at": now, "modified_at": now});
        subscription["modified_at"] = json!(now);
        let next_end =
            now.plus(Duration::from_secs(30 * 86400)).plus(Duration::from_secs(u64::from(slot.periods)));
        match (what, status.as_str()) {
            (Occurrence::Renew, "active") => {
                slot.periods += 1;
                subscription["current_period_end"] = json!(next_end);
                renewal["subscription"] = subscription.clone();
                slot.orders.push(renewal.clone());
                vec![event("subscription.cycled", subscription), event("order.paid", &renewal)]
            }
            (Occurrence::Fail, "active") => {
                subscription["status"] = json!("past_due");
                vec![
                    event("subscription.updated", subscription),
                    event("subscription.past_due", subscription),
                ]
            }
            (Occurrence::Recover, "past_due") => {
                subscription["status"] = json!("active");
                slot.orders.push(renewal.clone());
                vec![event("order.paid", &renewal), event("subscription.active", subscription)]
            }
            (Occurrence::RevokeOverdue, "active" | "past_due") => {
                subscription["status"] = json!("past_due");
                vec![event("subscription.updated", subscription), event("subscription.revoked", subscription)]
            }
            (Occurrence::Pause, "active") => {
                subscription["status"] = json!("paused");
                vec![event("subscription.updated", subscription), event("subscription.paused", subscription)]
            }
            (Occurrence::Resume, "paused") => {
                slot.periods += 1;
                subscription["status"] = json!("active");
                subscription["current_period_end"] = json!(next_end);
                slot.orders.push(renewal.clone());
                vec![
                    event("subscription.updated", subscription),
                    event("subscription.resumed", subscription),
                    event("order.paid", &renewal),
                ]
            }
            (Occurrence::Reinstate, _) => {
                for (key, value) in
                    [("status", json!("active")), ("canceled_at", Value::Null), ("ended_at", Value::Null)]
                {
                    subscription[key] = value;
                }
                vec![event("subscription.updated", subscription), event("subscription.active", subscription)]
            }
            (Occurrence::Cancel, "active" | "past_due") => {
                subscription["canceled_at"] = json!(now);
                vec![event("subscription.canceled", subscription)]
            }
            (Occurrence::Uncancel, "active" | "past_due") => {
                subscription["canceled_at"] = Value::Null;
                vec![event("subscription.uncanceled", subscription)]
            }
            (Occurrence::Revoke, _) => {
                slot.has_ended = true;
                subscription["status"] = json!("canceled");
                subscription["canceled_at"] = json!(now);
                subscription["ended_at"] = json!(now);
                vec![
                    event("subscription.canceled", subscription),
                    event("subscription.revoked", subscription),
                ]
            }
            (Occurrence::Refund, _) => {
                let order = slot.orders.first_mut().expect("it was paid");
                order["status"] = json!("refunded");
                order["refunded_amount"] = json!(1500);
                order["modified_at"] = json!(now);
                vec![event("order.refunded", order)]
            }
            _ => vec![],
        }
    }

    /// Gives Polar the current subscriptions and orders.
    fn update_polar(&self, t: &TestServices) {
        for slot in &self.slots {
            for subscription in &slot.subscriptions {
                let id = subscription["id"].as_str().expect("text");
                if !t.payments.revoked().iter().any(|revoked| revoked == id) {
                    t.payments.set_subscription(subscription.clone());
                }
            }
            for order in &slot.orders {
                t.payments.set_order(order.clone());
            }
        }
    }

    fn send(&mut self, t: &TestServices, webhooks: Vec<Value>, fates: &[Fate]) {
        for (body, fate) in webhooks.into_iter().zip(fates.iter().cycle()) {
            let copies = [(!fate.dropped).then_some(fate.first), fate.second.filter(|_| !fate.dropped)];
            let id = format!("webhook_{}", t.next_number());
            for minutes in copies.into_iter().flatten() {
                let arrives = t.services.now().plus(Duration::from_secs(minutes * 60));
                self.on_the_way.push(InFlight { arrives, id: id.clone(), body: body.to_string() });
            }
        }
    }

    /// Lets time pass. Webhooks are delivered when they are due, each with a forgery that claims the opposite.
    async fn pass(&mut self, t: &TestServices, time: Duration) {
        let until = t.services.now().plus(time);
        self.on_the_way.sort_by_key(|webhook| webhook.arrives);
        while self.on_the_way.first().is_some_and(|webhook| webhook.arrives <= until) {
            let webhook = self.on_the_way.remove(0);
            t.clock.set(webhook.arrives.max(t.services.now()));
            let headers = t.sign_polar(&webhook.id, &webhook.body);
            let forged = webhook.body.replace("active", "revoked").replace("past_due", "active");
            if forged != webhook.body {
                let refused = t.services.receive_polar(&headers, forged.as_bytes()).await;
                assert!(matches!(refused, Err(Error::Unauthorized)), "{refused:?}");
            }
            t.services
                .receive_polar(&headers, webhook.body.as_bytes())
                .await
                .expect("the webhook is accepted");
            t.run_jobs().await;
        }
        t.clock.set(until);
        t.run_jobs().await;
    }

    async fn check(&self, t: &TestServices, me: &Caller, steps: &impl std::fmt::Debug) {
        for slot in &self.slots {
            let mut live = vec![];
            for subscription in &slot.subscriptions {
                let id = subscription["id"].as_str().expect("text");
                let facts = t
                    .payments
                    .subscription(id)
                    .await
                    .expect("an answer")
                    .expect("Polar keeps ended subscriptions");
                live.push(facts);
            }
            let charged: Vec<_> = live.iter().filter(|s| s.status != SubscriptionStatus::Ended).collect();
            if slot.is_deleted {
                assert!(charged.is_empty(), "a deleted assistant is charged for: {charged:?} {steps:#?}");
                continue;
            }
            let record = t.record(me, slot.id).await;
            let Some(mine) = live.iter().find(|s| Some(&s.id) == record.polar_subscription_id.as_ref())
            else {
                assert!(live.is_empty(), "a paid assistant is not granted: {record:?} {steps:#?}");
                assert_eq!(
                    (record.status, record.payment_status),
                    (Status::PendingPayment, PaymentStatus::Pending)
                );
                continue;
            };
            let is_refunded = slot.orders.iter().any(|order| {
                order["status"] == "refunded" && order["subscription_id"].as_str() == Some(mine.id.as_str())
            });
            let expected = match mine.status {
                _ if is_refunded => PaymentStatus::Refunded,
                SubscriptionStatus::Active => PaymentStatus::Paid,
                SubscriptionStatus::PastDue => PaymentStatus::PastDue,
                SubscriptionStatus::Paused => PaymentStatus::Paused,
                SubscriptionStatus::Ended | SubscriptionStatus::Other => PaymentStatus::Canceled,
            };
            assert_eq!(record.payment_status, expected, "{mine:?} {record:?} {steps:#?}");
            assert_eq!(record.canceled_at, mine.canceled_at, "{record:?} {steps:#?}");
            assert_eq!(record.current_period_end, mine.current_period_end, "{record:?} {steps:#?}");
            assert_eq!(
                charged.len(),
                usize::from(expected.is_subscribed()),
                "one pays: {charged:?} {steps:#?}"
            );
            let status = slot.expected(expected, &record);
            assert_eq!(record.status, status, "{expected} {:?} {record:?} {steps:#?}", slot.is_wanted);
            // Only a pause may leave an assistant waiting to be resumed.
            let waits = reef_domain::actions::restarts_on_resume(&record);
            let message = record.status_message.clone().unwrap_or_default();
            assert!(!waits || expected == PaymentStatus::Paused, "{record:?} {steps:#?}");
            assert!(
                !message.starts_with("SUBSCRIPTION_ENDED") || expected.has_ended(),
                "{record:?} {steps:#?}"
            );
            crate::support::walk(&t.events(slot.id).await);
        }
    }
}

on_both_databases! {
    async fn random_webhook_faults_end_in_polars_state(db: TestStore) {
        let t = TestServices::new(db);
        let mut runner = TestRunner::deterministic();
        for _ in 0..ROUNDS {
            let me = t.create_user().await;
            let steps = prop::collection::vec(step(), STEPS).new_tree(&mut runner).unwrap().current();
            let mut world = World::default();
            for _ in 0..SLOTS {
                let id = t.create_unpaid(&me).await;
                world.slots.push(Slot { id, is_deleted: false, is_wanted: None, has_ended: false, subscriptions: vec![], orders: vec![], periods: 0 });
            }
            for (slot, what, fates, minutes, is_asked) in &steps {
                let webhooks = world.occur(&t, &me, *slot, *what).await;
                world.update_polar(&t);
                world.send(&t, webhooks, fates);
                world.pass(&t, MINUTE * u32::try_from(*minutes).unwrap()).await;
                if *is_asked {
                    t.services.reconcile_due().await.unwrap();
                    t.run_jobs().await;
                }
            }
            // The last webhooks arrive, and then Reef checks with Polar for two days.
            for _ in 0..48 {
                world.pass(&t, HOUR).await;
                t.services.reconcile_due().await.unwrap();
                t.run_jobs().await;
            }
            world.check(&t, &me, &steps).await;
        }
        t.finish().await;
    }
}
