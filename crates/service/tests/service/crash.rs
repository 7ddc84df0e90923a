//! A process dies in the middle of its work, and another one continues.

use reef_domain::ids::AssistantId;
use reef_domain::wire::ApiMode;
use reef_domain::wire::Status::{Active, Deploying, Purchased};
use reef_service::idempotency::{ClaimResult, Outcome};
use reef_service::jobs::runner;
use reef_service::testing::{Behavior, Gate, TestServices, bot_token};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use std::sync::Arc;

use crate::support::{CHECKED, SECOND, delete, redeploy, walk};

/// The calls of a deployment, in order.
const STEPS: [&str; 7] = ["get_me", "check", "remove", "delete_webhook", "start", "set_webhook", "health"];

fn act_on(t: &TestServices, call: &'static str, gate: &Arc<Gate>, is_after: bool) {
    macro_rules! on {
        ($fake:expr) => {
            $fake.script.on(
                call,
                1,
                if is_after {
                    Behavior::HoldAfter(Arc::clone(gate))
                } else {
                    Behavior::Hold(Arc::clone(gate))
                },
            )
        };
    }
    match call {
        "get_me" | "set_webhook" | "delete_webhook" => on!(t.telegram),
        "check" => on!(t.models),
        "create" => on!(t.managed_keys),
        _ => on!(t.workers),
    }
}

/// Runs the jobs of a process until it reaches `call`, and kills it there.
pub async fn crash_at(t: &TestServices, call: &'static str, is_after: bool) {
    let gate = Gate::new();
    act_on(t, call, &gate, is_after);
    let runner = runner(t.services.clone());
    let process = tokio::spawn(async move { runner.run_due().await });
    gate.reached().await;
    process.abort();
    assert!(process.await.is_err(), "the process should die at {call}");
}

async fn activated(t: &TestServices, me: &Caller) -> (AssistantId, String) {
    let id = t.create_paid(me).await;
    t.activate(me, id).await.expect("activation should succeed");
    (id, bot_token(t.next_number() - 1))
}

on_both_databases! {
    async fn interrupted_deployment_continues_and_ends_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for (step, is_after) in STEPS.iter().flat_map(|step| [(step, false), (step, true)]) {
            let (id, token) = activated(&t, &me).await;
            crash_at(&t, step, is_after).await;
            assert_eq!(t.run_jobs().await, 0, "the dead process still holds its lease");
            assert_eq!(t.status(&me, id).await, Deploying);
            t.advance_and_run(11 * SECOND).await;
            assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active], "{step} {is_after}");
            assert!(t.telegram.webhook(&token).is_some());
            assert_eq!(t.workers.running().iter().filter(|worker| worker.assistant_id == id).count(), 1);
        }
        assert_eq!(t.workers.running().len(), 14);
        t.finish().await;
    }

    async fn committed_change_is_replayed_after_crash(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let claim = async || t.services.claim_request(&me, "key", vec![1]).await;
        let Ok(ClaimResult::New(first)) = claim().await else { panic!("the key is free") };
        let answered = t.services.run_with_claim(&first, t.activate(&me, id)).await.unwrap();
        assert_eq!((&answered.id, answered.status), (&id.to_string(), Deploying));
        let Ok(ClaimResult::Replay(outcome)) = claim().await else { panic!("the request has run") };
        assert_eq!(outcome, Outcome::from(answered));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn sent_callback_is_replayed_after_crash(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, _) = activated(&t, &me).await;
        t.run_jobs().await;
        let id = id.to_string();
        let known = t.services.list_deliveries(&me, &id).await.unwrap().remove(0).id.to_string();
        for (key, sent_before) in [("test", None), ("again", Some(&known))] {
            let claim = async || t.services.claim_request(&me, key, vec![1]).await;
            let Ok(ClaimResult::New(first)) = claim().await else { panic!("{key}: the key is free") };
            let send = async {
                match sent_before {
                    None => t.services.send_test_callback(&me, &id, Ok(())).await,
                    Some(delivery) => t.services.redeliver(&me, &id, delivery, Ok(())).await,
                }
            };
            // The process dies after the commit, so the claim is never settled.
            let sent = t.services.run_with_claim(&first, send).await.unwrap();
            let Ok(ClaimResult::Replay(outcome)) = claim().await else { panic!("{key}: the request has run") };
            assert_eq!(outcome, Outcome::from(sent));
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn idempotency_key_is_free_after_lease(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let claim = async || t.services.claim_request(&me, "key", vec![1]).await;
        assert!(matches!(claim().await, Ok(ClaimResult::New(_))));
        t.clock.advance(9 * SECOND);
        assert!(matches!(claim().await, Err(Error::RequestInProgress)));
        t.clock.advance(2 * SECOND);
        assert!(matches!(claim().await, Ok(ClaimResult::New(_))));
    }

    async fn interrupted_redeployment_leaves_no_old_worker(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, _) = activated(&t, &me).await;
        crash_at(&t, "start", true).await;
        crate::support::stop(&t, &me, id).await.unwrap();
        redeploy(&t, &me, id).await.unwrap();
        t.advance_and_run(11 * SECOND).await;
        assert_eq!(t.status(&me, id).await, Active);
        let running = t.workers.running();
        assert_eq!(running.iter().map(|worker| worker.generation).collect::<Vec<_>>(), [3]);
        t.finish().await;
    }

    async fn worker_of_deleted_assistant_is_removed_after_crash(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, _) = activated(&t, &me).await;
        let gate = t.telegram.script.hold("get_me");
        let runner = runner(t.services.clone());
        let process = tokio::spawn(async move { runner.run_due().await });
        gate.reached().await;
        // The process dies after it has started the worker. Until its lease expires, the deletion is refused.
        let started = Gate::new();
        t.workers.script.on("start", 1, Behavior::HoldAfter(Arc::clone(&started)));
        gate.open();
        started.reached().await;
        process.abort();
        assert_eq!(t.workers.running().len(), 1, "the worker was started before the process died");
        t.clock.advance(11 * SECOND);
        delete(&t, &me, id).await.unwrap();
        t.advance_and_run(11 * SECOND).await;
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn managed_key_of_deleted_assistant_is_deleted(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid_with_plan(&me, ApiMode::Managed).await;
        t.pay(id).await;
        let mut input = reef_service::testing::activation(1);
        input.model_id = "openrouter/auto".into();
        t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        let gate = t.managed_keys.script.hold("create");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            // The deletion waits for the run, which knows the hash of the key.
            let (deleted, ()) = tokio::join!(delete(&t, &me, id), async { gate.open() });
            deleted.unwrap();
        });
        t.advance_and_run(CHECKED).await;
        assert!(t.managed_keys.names_by_hash().is_empty());
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }
}
