//! Random sequences of events: nothing breaks, and everything ends in the right state.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::{ApiMode, PaymentStatus, Status};
use reef_ports::{PaymentError, TelegramError, WorkerHostError};
use reef_service::assistants::Change;
use reef_service::testing::{TestServices, activation, bot_token, model_key};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use serde_json::json;

use crate::support::HOUR;

const SEQUENCES: usize = 6;
const STEPS: usize = 60;

#[derive(Clone, Debug)]
enum Step {
    Purchase,
    /// Polar reports an event of the assistant's first or second subscription.
    Polar(usize, &'static str, bool),
    Activate(usize),
    Patch(usize),
    Redeploy(usize),
    /// Changes bot and key, or only the name.
    Change(usize, bool),
    /// Telegram rejects the token of the next deployment.
    FailToken,
    Stop(usize),
    Delete(usize),
    Run,
    Advance(u64),
    Lose(usize),
    Overdue,
    FailRevoking,
    FailRemoving,
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0_usize..4;
    let kinds = prop::sample::select(vec![
        "order.paid",
        "subscription.active",
        "subscription.active",
        "subscription.canceled",
        "subscription.uncanceled",
        "subscription.past_due",
        "subscription.revoked",
        "subscription.paused",
        "subscription.paused",
        "subscription.resumed",
        "subscription.resumed",
        "order.refunded",
    ]);
    prop_oneof![
        2 => Just(Step::Purchase),
        8 => (slot.clone(), kinds, prop::bool::weighted(0.2)).prop_map(|(s, k, second)| Step::Polar(s, k, second)),
        6 => slot.clone().prop_map(Step::Activate),
        2 => slot.clone().prop_map(Step::Patch),
        3 => slot.clone().prop_map(Step::Redeploy),
        4 => (slot.clone(), any::<bool>()).prop_map(|(s, whole)| Step::Change(s, whole)),
        1 => Just(Step::FailToken),
        3 => slot.clone().prop_map(Step::Stop),
        1 => slot.clone().prop_map(Step::Delete),
        8 => Just(Step::Run),
        2 => (1_u64..4000).prop_map(Step::Advance),
        1 => slot.prop_map(Step::Lose),
        1 => Just(Step::Overdue),
        1 => Just(Step::FailRevoking),
        1 => Just(Step::FailRemoving),
    ]
}

/// The state according to Polar and the customer.
#[derive(Default)]
struct World {
    slots: Vec<AssistantId>,
    deleted: HashSet<AssistantId>,
    granted: HashMap<String, AssistantId>,
    ended: HashSet<String>,
}

impl World {
    async fn apply_step(&mut self, t: &TestServices, me: &Caller, step: &Step) -> Result<(), Error> {
        let of = |slot: usize| self.slots.get(slot % self.slots.len().max(1)).copied();
        let text = |slot: usize| of(slot).map(|id| id.to_string()).unwrap_or_default();
        match *step {
            Step::Purchase => {
                let bought = t.services.purchase(me, Ok(ApiMode::Byok)).await?;
                self.slots.push(bought.id);
            }
            Step::Polar(slot, kind, is_second) => {
                if let Some(id) = of(slot) {
                    self.polar(t, id, kind, is_second).await;
                }
            }
            Step::Activate(slot) => {
                t.services.activate(me, &text(slot), Ok(activation(t.next_number()))).await?;
            }
            Step::Patch(slot) => {
                let change =
                    UpdateInput { name: Some(format!("Name {}", t.next_number())), ..Default::default() };
                t.services.update(me, &text(slot), Ok(change)).await?;
            }
            Step::Redeploy(slot) => {
                t.services.redeploy(me, &text(slot), Ok(CallbackChange::Keep)).await?;
            }
            Step::Change(slot, is_whole) => {
                let number = t.next_number();
                let update = UpdateInput {
                    name: Some(format!("Name {number}")),
                    telegram_bot_token: is_whole.then(|| bot_token(number)),
                    model_api_key: is_whole.then(|| model_key(number)),
                    ..Default::default()
                };
                let change = Change { update: Some(update), callback: CallbackChange::Keep };
                // Vendors are called too often within a minute, so the rate limit would refuse the next change.
                t.clock.advance(Duration::from_secs(61));
                t.services.change(me, &text(slot), Ok(change)).await?;
            }
            Step::FailToken => t.telegram.script.fail("set_webhook", 1, || TelegramError::TokenRejected),
            Step::Stop(slot) => {
                t.services.stop(me, &text(slot), Ok(())).await?;
            }
            Step::Delete(slot) => {
                t.services.delete(me, &text(slot), Ok(())).await?;
                self.deleted.extend(of(slot));
            }
            Step::Run => {
                t.run_jobs().await;
            }
            Step::Advance(seconds) => t.clock.advance(Duration::from_secs(seconds)),
            Step::Lose(slot) => {
                if let Some(id) = of(slot) {
                    t.workers.lose_worker(id);
                }
                t.services.fail_missing_workers().await?;
            }
            Step::Overdue => t.services.fail_overdue_deployments().await?,
            Step::FailRevoking => {
                t.payments.script.fail("revoke_subscription", 2, || PaymentError::Refused { status: 500 });
            }
            Step::FailRemoving => t.workers.script.fail("remove", 1, || WorkerHostError("busy".into())),
        }
        Ok(())
    }

    async fn polar(&mut self, t: &TestServices, id: AssistantId, kind: &str, is_second: bool) {
        let name = format!("{}{}", TestServices::subscription_id(id), if is_second { "_second" } else { "" });
        let metadata = json!({"assistant_id": id.to_string()});
        let data = if kind.starts_with("order") {
            let status = if kind == "order.paid" { "paid" } else { "refunded" };
            json!({"status": status, "paid": true, "subscription_id": name, "total_amount": 1500, "metadata": metadata})
        } else {
            let status = match kind {
                "subscription.paused" => "paused",
                "subscription.past_due" => "past_due",
                _ => "active",
            };
            json!({"id": name, "status": status, "canceled_at": "2026-02-14T00:00:00Z", "metadata": metadata})
        };
        match kind {
            "order.paid" | "subscription.active" | "subscription.resumed" => {
                self.granted.insert(name, id);
            }
            "subscription.revoked" | "order.refunded" => {
                self.ended.insert(name);
            }
            _ => {}
        }
        t.receive_polar_webhook(kind, data).await;
    }

    /// Asserts that everything has ended in the right state.
    async fn check(&self, t: &TestServices, me: &Caller, steps: &[Step]) {
        let mut running: HashSet<_> =
            t.workers.running().into_iter().map(|worker| worker.assistant_id).collect();
        let revoked: HashSet<_> = t.payments.revoked().into_iter().collect();
        for id in &self.slots {
            let events = t.events(*id).await;
            crate::support::walk(&events);
            let record = match t.services.get_assistant(me, &id.to_string()).await {
                Ok(record) => Some(record),
                Err(Error::NotFound) => None,
                Err(error) => panic!("{error:?}"),
            };
            assert_eq!(record.is_none(), self.deleted.contains(id));
            let is_active = record.as_ref().is_some_and(|record| record.status == Status::Active);
            assert_eq!(running.remove(id), is_active, "{record:?} {steps:#?}");
            if let Some(record) = &record {
                // Only paid assistants run, and only a pause leaves an assistant waiting to be resumed.
                let payment = record.payment_status;
                assert!(!is_active || payment.can_run(), "{record:?} {steps:#?}");
                let waits = reef_domain::actions::restarts_on_resume(record);
                assert!(!waits || payment == PaymentStatus::Paused, "{record:?} {steps:#?}");
            }
            assert!(record.as_ref().is_none_or(|record| record.status != Status::Deploying), "{steps:#?}");
            // Replaced settings are only kept for assistants that a pause has stopped.
            let waits = record.as_ref().is_some_and(reef_domain::actions::restarts_on_resume);
            let mut tx = t.db.store.read().await.expect("begin should succeed");
            let is_kept = tx.find_replaced_configuration(*id).await.expect("a readable row").is_some();
            assert!(!is_kept || waits, "{record:?} {steps:#?}");
            let mine = record.and_then(|record| record.polar_subscription_id);
            for (name, _) in self.granted.iter().filter(|(_, of)| *of == id) {
                let is_settled =
                    mine.as_ref() == Some(name) || revoked.contains(name) || self.ended.contains(name);
                assert!(is_settled, "{name} still charges for nothing: {steps:#?}");
            }
        }
        assert!(running.is_empty(), "workers without an assistant: {running:?}");
    }
}

on_both_databases! {
    async fn random_sequence_ends_consistently(db: TestStore) {
        let t = TestServices::new(db);
        let mut runner = TestRunner::deterministic();
        for _ in 0..SEQUENCES {
            let me = t.create_user().await;
            let steps = prop::collection::vec(step(), STEPS).new_tree(&mut runner).unwrap().current();
            let mut world = World::default();
            world.apply_step(&t, &me, &Step::Purchase).await.unwrap();
            for (n, step) in steps.iter().enumerate() {
                if let Err(Error::Internal(error)) = world.apply_step(&t, &me, step).await {
                    panic!("{error} at step {n} of {steps:#?}");
                }
            }
            t.payments.script.clear();
            t.workers.script.clear();
            t.telegram.script.clear();
            for _ in 0..20 {
                t.advance_and_run(HOUR).await;
            }
            world.check(&t, &me, &steps).await;
            for id in &world.slots {
                let gone = t.services.delete(&me, &id.to_string(), Ok(())).await;
                assert_eq!(gone.is_err(), world.deleted.contains(id));
                world.deleted.insert(*id);
            }
            t.run_jobs().await;
            world.check(&t, &me, &steps).await;
        }
        t.finish().await;
    }
}
