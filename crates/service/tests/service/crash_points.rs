//! Crashes at every await point. A use case runs again and again, and each time its process dies one poll later: before
//! and after every outside call, and between any two messages to the database. Then another process continues, and the
//! result has to be right each time.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

use reef_domain::ids::AssistantId;
use reef_domain::input::{CallbackChange, UpdateInput};
use reef_domain::wire::ApiMode;
use reef_domain::wire::Status::{self, Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
use reef_ports::{ModelCheckError, TelegramError};
use reef_service::accounts::AccountDeletion;
use reef_service::assistants::Change;
use reef_service::testing::{TestServices, bot_token};
use reef_service::{Caller, ClientAddress, Error, jobs::runner};
use reef_store::on_both_databases;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{SECOND, delete, redeploy, stop, subscription_doc, walk};

/// More polls than any use case here needs.
const POLLS_MAX: usize = 2000;
/// After this many complete runs, no new crash point is found.
const COMPLETE_RUNS: usize = 3;
/// PostgreSQL takes several polls per message, so only some of them are tried there.
const STRIDE_POSTGRES: usize = 9;

/// Runs a future for a number of polls and then drops it where it is, as if the process were killed.
struct Interruptible<F> {
    life: Pin<Box<F>>,
    waits: usize,
}

impl<F: Future> Future for Interruptible<F> {
    /// `None` when the future was dropped.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waits == 0 {
            return Poll::Ready(None);
        }
        self.waits -= 1;
        self.life.as_mut().poll(context).map(Some)
    }
}

/// An assistant of a test, and what its assertions need.
struct Case {
    me: Caller,
    id: AssistantId,
    token: String,
}

impl Case {
    async fn activated(t: &TestServices, me: &Caller) -> Self {
        let id = t.create_paid(me).await;
        t.activate(me, id).await.unwrap();
        Self { me: *me, id, token: bot_token(t.next_number() - 1) }
    }

    async fn active(t: &TestServices, me: &Caller) -> Self {
        let case = Self::activated(t, me).await;
        t.run_jobs().await;
        assert_eq!(case.status(t).await, Some(Active));
        case
    }

    /// The status; `None` when the assistant is deleted.
    async fn status(&self, t: &TestServices) -> Option<Status> {
        match t.services.get_assistant(&self.me, &self.id.to_string()).await {
            Ok(record) => {
                assert!(record.status != Failed || record.status_message.is_some());
                Some(record.status)
            }
            Err(Error::NotFound) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Asserts that worker, webhook, events and callbacks agree with the status.
    async fn assert_consistent(&self, t: &TestServices, at: usize) -> Option<Status> {
        let status = self.status(t).await;
        let is_active = status == Some(Active);
        let runs = t.workers.running().iter().filter(|worker| worker.assistant_id == self.id).count();
        assert_eq!(runs, usize::from(is_active), "workers, killed at {at}: {status:?}");
        let has_webhook = t.telegram.webhook(&self.token).is_some();
        assert_eq!(has_webhook, is_active, "webhook, killed at {at}: {status:?}");
        walk(&t.events(self.id).await);
        self.assert_all_delivered(t, at).await;
        if status.is_none() {
            assert!(t.payments.revoked().contains(&TestServices::subscription_id(self.id)), "killed at {at}");
            assert!(t.workers.deleted_memories().contains(&self.id), "killed at {at}");
        }
        status
    }

    /// Asserts that the customer's server received every event after the payment, each under one id.
    async fn assert_all_delivered(&self, t: &TestServices, at: usize) {
        let mut ids_by_sequence: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        for callback in t.callbacks.received() {
            let body: Value = serde_json::from_str(&callback.body).unwrap();
            if body["data"]["id"] == self.id.to_string() {
                ids_by_sequence
                    .entry(body["data"]["sequence"].as_i64().unwrap())
                    .or_default()
                    .insert(callback.id);
            }
        }
        let happened: Vec<i64> = t.events(self.id).await.iter().map(|event| event.sequence).skip(1).collect();
        assert_eq!(
            ids_by_sequence.keys().copied().collect::<Vec<_>>(),
            happened,
            "callbacks, killed at {at}"
        );
        assert!(ids_by_sequence.values().all(|ids| ids.len() == 1), "killed at {at}: {ids_by_sequence:?}");
    }
}

/// Another process takes over, and time passes until no job is left.
async fn take_over(t: &TestServices) {
    for wait in [11, 16, 61] {
        t.advance_and_run(wait * SECOND).await;
        t.services.fail_missing_workers().await.unwrap();
        t.services.fail_overdue_deployments().await.unwrap();
    }
    t.run_jobs().await;
    assert_eq!(t.count_jobs().await, (0, 0), "jobs are left");
}

/// For every poll: runs `set_up`, then `live` until it is dropped there, then `inspect`. Ends after several complete
/// runs, because the number of polls varies a little: a fast database may answer at the first one.
async fn crash_at_every_poll<C, R>(
    t: &TestServices,
    set_up: impl AsyncFn() -> C,
    live: impl AsyncFn(&C) -> R,
    inspect: impl AsyncFn(&C, usize),
) {
    crash_at_every_nth_poll(t, 1, set_up, live, inspect).await;
}

/// As [`crash_at_every_poll`], for use cases whose parts have tests of their own.
async fn crash_at_every_nth_poll<C, R>(
    t: &TestServices,
    nth: usize,
    set_up: impl AsyncFn() -> C,
    live: impl AsyncFn(&C) -> R,
    inspect: impl AsyncFn(&C, usize),
) {
    let stride = if t.db.schema().is_some() { STRIDE_POSTGRES } else { nth };
    let (mut whole, mut cut_short) = (0, 0);
    for waits in (0..POLLS_MAX).step_by(stride) {
        let case = set_up().await;
        let lived = Interruptible { life: Box::pin(live(&case)), waits }.await;
        inspect(&case, waits).await;
        if lived.is_some() {
            whole += 1;
        } else {
            cut_short += 1;
        }
        if whole == COMPLETE_RUNS {
            assert!(cut_short > 0, "no run was interrupted");
            return;
        }
    }
    panic!("the use case never ran to its end");
}

const NEW_KEY: &str = "sk-ant-another-key-of-the-owner";

/// Gives a running assistant another model key.
async fn change(t: &TestServices, me: &Caller, id: AssistantId) {
    let update = UpdateInput { model_api_key: Some(NEW_KEY.to_owned()), ..UpdateInput::default() };
    let change = Change { update: Some(update), callback: CallbackChange::Keep };
    t.services.change(me, &id.to_string(), Ok(change)).await.unwrap();
}

/// Runs the jobs of a process that may die.
async fn jobs(t: &TestServices) {
    runner(t.services.clone()).run_due().await.unwrap();
}

on_both_databases! {
    async fn deployment_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        crash_at_every_poll(&t, async || Case::activated(&t, &me).await, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
            assert_eq!(walk(&t.events(case.id).await), [Purchased, Deploying, Active], "killed at {at}");
        })
        .await;
    }

    async fn failing_deployment_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            t.telegram.script.fail("set_webhook", 9, || TelegramError::Conflict);
            Case::activated(&t, &me).await
        };
        crash_at_every_poll(&t, set_up, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Failed));
            assert_eq!(walk(&t.events(case.id).await), [Purchased, Deploying, Failed], "killed at {at}");
            t.telegram.script.clear();
        })
        .await;
    }

    async fn activation_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || (t.create_paid(&me).await, t.next_number());
        let live = async |(id, number): &(AssistantId, u64)| {
            let input = reef_service::testing::activation(*number);
            t.services.activate(&me, &id.to_string(), Ok(input)).await.unwrap();
        };
        crash_at_every_poll(&t, set_up, live, async |(id, number), at| {
            take_over(&t).await;
            let case = Case { me, id: *id, token: bot_token(*number) };
            let status = case.assert_consistent(&t, at).await;
            assert!(matches!(status, Some(Purchased | Active)), "killed at {at}: {status:?}");
            if status == Some(Purchased) {
                live(&(*id, *number)).await;
                take_over(&t).await;
                assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
            }
        })
        .await;
    }

    async fn redeployment_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let live = async |case: &Case| {
            redeploy(&t, &me, case.id).await.unwrap();
            jobs(&t).await;
        };
        crash_at_every_poll(&t, async || Case::active(&t, &me).await, live, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
        })
        .await;
    }

    async fn change_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.clock.advance(61 * SECOND);
            case
        };
        let live = async |case: &Case| {
            change(&t, &me, case.id).await;
            jobs(&t).await;
        };
        crash_at_every_nth_poll(&t, 3, set_up, live, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
            assert!(t.db.store.read().await.unwrap().find_replaced_configuration(case.id).await.unwrap().is_none(), "killed at {at}");
        })
        .await;
    }

    async fn undone_change_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.clock.advance(61 * SECOND);
            change(&t, &me, case.id).await;
            // The model rejects the new key, however often the run is repeated.
            t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
            case
        };
        crash_at_every_nth_poll(&t, 3, set_up, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
            let walked = walk(&t.events(case.id).await);
            // A run that is killed between the rejection and its commit checks again, and the key is accepted then.
            let is_undone = walked == [Purchased, Deploying, Active, Deploying, Failed, Deploying, Active];
            assert!(is_undone || walked == [Purchased, Deploying, Active, Deploying, Active], "killed at {at}: {walked:?}");
            let key = t.workers.spec_of(case.id).unwrap().model_key;
            let is_old = secrecy::ExposeSecret::expose_secret(&key) != NEW_KEY;
            assert_eq!(is_old, is_undone, "killed at {at}");
            assert!(t.db.store.read().await.unwrap().find_replaced_configuration(case.id).await.unwrap().is_none(), "killed at {at}");
            t.models.script.clear();
        })
        .await;
    }

    async fn stop_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let live = async |case: &Case| stop(&t, &me, case.id).await.unwrap();
        crash_at_every_poll(&t, async || Case::active(&t, &me).await, live, async |case, at| {
            take_over(&t).await;
            let status = case.assert_consistent(&t, at).await;
            assert!(matches!(status, Some(Active | Stopped | Failed)), "killed at {at}: {status:?}");
            stop(&t, &me, case.id).await.unwrap();
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Stopped));
        })
        .await;
    }

    async fn stop_during_deployment_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let live = async |case: &Case| {
            let (stopped, ()) = tokio::join!(stop(&t, &me, case.id), jobs(&t));
            stopped.unwrap();
        };
        crash_at_every_poll(&t, async || Case::activated(&t, &me).await, live, async |case, at| {
            take_over(&t).await;
            let status = case.assert_consistent(&t, at).await;
            assert!(matches!(status, Some(Active | Stopped | Failed)), "killed at {at}: {status:?}");
        })
        .await;
    }

    async fn deletion_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let live = async |case: &Case| {
            delete(&t, &me, case.id).await.unwrap();
            jobs(&t).await;
        };
        crash_at_every_poll(&t, async || Case::active(&t, &me).await, live, async |case, at| {
            take_over(&t).await;
            let status = case.assert_consistent(&t, at).await;
            assert!(matches!(status, None | Some(Active | Failed)), "killed at {at}: {status:?}");
            if status.is_some() {
                delete(&t, &me, case.id).await.unwrap();
                take_over(&t).await;
                assert_eq!(case.assert_consistent(&t, at).await, None);
            }
        })
        .await;
    }

    async fn account_deletion_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let password = SecretString::from("correct horse battery");
        let first = t.services.create_user("first@example.com", &password).await.unwrap();
        let hash = t.db.store.read().await.unwrap().find_user(first.id).await.unwrap().unwrap().password_hash;
        let set_up = async || {
            // The password was hashed before, because hashing takes longer than everything else.
            let me = t.create_user().await;
            let mut tx = t.db.store.begin().await.unwrap();
            assert!(tx.update_password_hash_if_unchanged(me.user_id, "", &hash).await.unwrap());
            tx.commit().await.unwrap();
            (Case::active(&t, &me).await, t.create_paid(&me).await)
        };
        let live = async |(case, _): &(Case, AssistantId)| {
            let done = t.services.delete_account(&case.me, &password, None, ClientAddress::UNKNOWN).await;
            assert_eq!(done.unwrap(), AccountDeletion::Deleted);
            jobs(&t).await;
        };
        crash_at_every_nth_poll(&t, 5, set_up, live, async |both, at| {
            take_over(&t).await;
            let (case, paid) = both;
            let is_there = async || t.services.find_account(case.me.user_id).await.unwrap().is_some();
            if is_there().await {
                let status = case.assert_consistent(&t, at).await;
                assert!(matches!(status, None | Some(Active | Failed)), "killed at {at}: {status:?}");
                live(both).await;
                take_over(&t).await;
            }
            assert!(!is_there().await, "killed at {at}");
            assert!(t.workers.running().is_empty(), "killed at {at}");
            assert!(t.telegram.webhook(&case.token).is_none(), "killed at {at}");
            for id in [case.id, *paid] {
                assert!(t.payments.revoked().contains(&TestServices::subscription_id(id)), "killed at {at}");
                assert!(t.workers.deleted_memories().contains(&id), "killed at {at}");
            }
        })
        .await;
    }

    async fn subscription_end_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.receive_subscription_event(case.id, "subscription.revoked").await;
            case
        };
        crash_at_every_poll(&t, set_up, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Stopped));
        })
        .await;
    }

    async fn pause_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, case.id, &json!({"status": "paused"}))).await;
            case
        };
        crash_at_every_nth_poll(&t, 3, set_up, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Stopped));
            assert_eq!(walk(&t.events(case.id).await), [Purchased, Deploying, Active, Stopped], "killed at {at}");
        })
        .await;
    }

    async fn resume_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, case.id, &json!({"status": "paused"}))).await;
            t.run_jobs().await;
            t.clock.advance(SECOND);
            t.receive_polar_webhook("subscription.resumed", subscription_doc(&t, case.id, &json!({}))).await;
            case
        };
        crash_at_every_nth_poll(&t, 7, set_up, async |_| jobs(&t).await, async |case, at| {
            take_over(&t).await;
            assert_eq!(case.assert_consistent(&t, at).await, Some(Active));
            let walked = walk(&t.events(case.id).await);
            assert_eq!(walked, [Purchased, Deploying, Active, Stopped, Deploying, Active], "killed at {at}");
        })
        .await;
    }

    async fn stop_while_paused_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let set_up = async || {
            let case = Case::active(&t, &me).await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, case.id, &json!({"status": "paused"}))).await;
            t.run_jobs().await;
            case
        };
        let live = async |case: &Case| stop(&t, &me, case.id).await.unwrap();
        crash_at_every_poll(&t, set_up, live, async |case, at| {
            let is_held = t.state(case.id).await.failure().is_some();
            t.clock.advance(SECOND);
            t.receive_polar_webhook("subscription.resumed", subscription_doc(&t, case.id, &json!({}))).await;
            take_over(&t).await;
            let expected = if is_held { Active } else { Stopped };
            assert_eq!(case.assert_consistent(&t, at).await, Some(expected));
        })
        .await;
    }

    async fn purchase_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let live = async |me: &Caller| t.services.purchase(me, Ok(ApiMode::Byok)).await.unwrap();
        crash_at_every_poll(&t, async || t.create_user().await, async |me| drop(live(me).await), async |me, at| {
            take_over(&t).await;
            // Every open checkout may still be paid, whether or not the buyer has its URL.
            for checkout in t.payments.checkouts().iter().filter(|checkout| checkout.user_id == me.user_id) {
                t.pay(checkout.assistant_id).await;
                assert_eq!(t.status(me, checkout.assistant_id).await, Purchased, "killed at {at}");
            }
            for slot in t.services.list_assistants(me).await.unwrap() {
                assert!(matches!(slot.status, Purchased | PendingPayment), "killed at {at}: {slot:?}");
            }
            live(me).await;
        })
        .await;
    }

    async fn payment_survives_crash_anywhere(db: TestStore) {
        let t = TestServices::new(db);
        let body = |id: AssistantId| {
            let metadata = json!({"assistant_id": id.to_string()});
            let subscription = TestServices::subscription_id(id);
            json!({"type": "subscription.active", "timestamp": t.services.now(),
                "data": {"id": subscription, "status": "active", "metadata": metadata}})
            .to_string()
        };
        // Polar repeats a webhook until it is accepted.
        let deliver = async |id: &AssistantId| {
            let body = body(*id);
            let headers = t.sign_polar(&format!("webhook_of_{id}"), &body);
            t.services.receive_polar(&headers, body.as_bytes()).await.unwrap();
            jobs(&t).await;
        };
        let set_up = async || {
            let me = t.create_user().await;
            t.create_unpaid(&me).await
        };
        crash_at_every_poll(&t, set_up, deliver, async |id, at| {
            deliver(id).await;
            take_over(&t).await;
            assert_eq!(walk(&t.events(*id).await), [Purchased], "killed at {at}");
        })
        .await;
    }
}
