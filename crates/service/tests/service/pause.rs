//! A paused subscription stops running assistants; resuming starts exactly those again.

use reef_domain::ids::AssistantId;
use reef_domain::input::UpdateInput;
use reef_domain::wire::PaymentStatus::{Canceled, Paid, PastDue, Paused};
use reef_domain::wire::Status::{Active, Deploying, Failed, PendingPayment, Purchased, Stopped};
use reef_domain::{FailureCode, Timestamp};
use reef_ports::{ModelCheckError, TelegramError};
use reef_service::testing::{TestServices, activation, bot_token};
use reef_service::{Caller, Error};
use reef_store::on_both_databases;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::support::{HOUR, MINUTE, TICK, delete, message, redeploy, stop, subscription_doc, walk};

/// Polar reports a change of a subscription, later than its reports before.
async fn report(t: &TestServices, id: AssistantId, kind: &str, status: &str) {
    t.clock.advance(TICK);
    t.receive_polar_webhook(
        &format!("subscription.{kind}"),
        subscription_doc(t, id, &json!({"status": status})),
    )
    .await;
    t.run_jobs().await;
}

pub async fn pause(t: &TestServices, id: AssistantId) {
    report(t, id, "paused", "paused").await;
}

pub async fn resume(t: &TestServices, id: AssistantId) {
    report(t, id, "resumed", "active").await;
}

async fn failed(t: &TestServices, me: &Caller) -> AssistantId {
    let id = t.create_paid(me).await;
    t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
    t.activate(me, id).await.expect("an activation");
    t.run_jobs().await;
    assert_eq!(t.status(me, id).await, Failed);
    id
}

/// The statuses in the assistant's callbacks, oldest first.
fn callback_statuses(t: &TestServices, id: AssistantId) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let bodies = t
        .callbacks
        .received()
        .into_iter()
        .map(|sent| serde_json::from_str::<Value>(&sent.body).expect("JSON"));
    let mine = bodies.filter(|body| body["data"]["id"] == id.to_string());
    mine.map(|body| (text(&body["data"]["status"]).expect("a status"), text(&body["data"]["statusMessage"])))
        .collect()
}

on_both_databases! {
    async fn pause_stops_running_assistant_and_keeps_data(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        let before = t.record(&me, id).await;
        let secrets = t.db.store.read().await.unwrap().get_secrets(id).await.unwrap();
        pause(&t, id).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.worker_url.clone()), (Stopped, Paused, None));
        assert!(record.updated_at > before.updated_at);
        let status_message = message(&t, &me, id).await;
        assert!(status_message.starts_with("SUBSCRIPTION_PAUSED: Your subscription is paused"), "{status_message}");
        assert_eq!((record.name, record.model_id, record.worker_name), (before.name.clone(), before.model_id, before.worker_name));
        assert!(t.workers.running().is_empty() && t.telegram.webhook(&token).is_none() && t.workers.deleted_memories().is_empty());
        assert_eq!(t.db.store.read().await.unwrap().get_secrets(id).await.unwrap(), secrets);
        assert_eq!(callback_statuses(&t, id).last(), Some(&("stopped".to_owned(), Some(status_message))));
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Stopped]);
        let mails = t.mailer.sent();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!(mail.subject, format!("[Reef] {} is paused", before.name));
        let sentence = format!("The subscription for {0} is paused, so {0} is stopped. {0} starts again automatically when you resume the subscription.", before.name);
        assert!(mail.text.expose_secret().contains(&sentence), "{}", mail.text.expose_secret());
        assert!(t.payments.revoked().is_empty());
        t.finish().await;
    }

    async fn resume_starts_paused_assistant(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for kind in ["resumed", "active", "updated"] {
            let id = t.create_active(&me).await;
            let generation = t.state(id).await.run().unwrap().generation;
            pause(&t, id).await;
            pause(&t, id).await;
            resume_by(&t, id, kind).await;
            let record = t.record(&me, id).await;
            assert_eq!((record.status, record.payment_status, record.status_message), (Active, Paid, None), "{kind}");
            resume_by(&t, id, kind).await;
            assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Stopped, Deploying, Active], "{kind}");
            assert_eq!(t.state(id).await.run().unwrap().generation, generation + 2, "{kind}");
            let statuses: Vec<_> = callback_statuses(&t, id).into_iter().map(|(status, _)| status).collect();
            assert_eq!(statuses, ["deploying", "active", "stopped", "deploying", "active"], "{kind}");
        }
        assert_eq!(t.workers.running().len(), 3);
        t.finish().await;
    }

    async fn resume_starts_period_that_may_end_earlier(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let until = async |end: &str| {
            t.run_jobs().await;
            assert_eq!(t.record(&me, id).await.current_period_end, Timestamp::parse(end));
        };
        let (far, near) = ("2026-06-13T12:03:21.456Z", "2026-05-01T00:00:00.000Z");
        let doc = |end: &str, status: &str| subscription_doc(&t, id, &json!({"status": status, "current_period_end": end}));
        t.clock.advance(TICK);
        t.receive_polar_webhook("subscription.active", doc(far, "active")).await;
        until(far).await;
        pause(&t, id).await;
        until(far).await;
        t.clock.advance(TICK);
        t.receive_polar_webhook("subscription.resumed", doc(near, "active")).await;
        until(near).await;
        t.clock.advance(TICK);
        t.receive_polar_webhook("subscription.active", doc(far, "active")).await;
        t.receive_polar_webhook("subscription.active", doc(near, "active")).await;
        until(far).await;
        t.finish().await;
    }

    async fn pause_leaves_other_states_unchanged(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let stopped = t.create_active(&me).await;
        stop(&t, &me, stopped).await.unwrap();
        let cases = [(t.create_paid(&me).await, Purchased), (stopped, Stopped), (failed(&t, &me).await, Failed)];
        let mails = t.mailer.sent().len();
        for (id, status) in cases {
            let before = t.record(&me, id).await;
            pause(&t, id).await;
            let paused = t.record(&me, id).await;
            assert_eq!((paused.status, paused.payment_status), (status, Paused));
            assert_eq!(paused.status_message, before.status_message);
            resume(&t, id).await;
            let after = t.record(&me, id).await;
            assert_eq!((after.status, after.payment_status, &after.status_message), (status, Paid, &before.status_message));
        }
        assert_eq!(t.mailer.sent().len(), mails, "no assistant was stopped");
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn paused_subscription_refuses_only_starts(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (running, purchased, broken) = (t.create_active(&me).await, t.create_paid(&me).await, failed(&t, &me).await);
        for id in [running, purchased, broken] {
            pause(&t, id).await;
        }
        let refused = t.activate(&me, purchased).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidState { current: Purchased, message, .. } if message.contains("paused")));
        for (id, status) in [(running, Stopped), (broken, Failed)] {
            let Error::InvalidState { current, message, .. } = redeploy(&t, &me, id).await.unwrap_err() else { panic!() };
            assert_eq!((current, message.contains("paused") && message.contains("Billing")), (status, true));
        }
        for id in [running, broken] {
            let change = UpdateInput { name: Some("Pearl".into()), ..UpdateInput::default() };
            assert_eq!(t.services.update(&me, &id.to_string(), Ok(change)).await.unwrap().name, "Pearl");
        }
        resume(&t, running).await;
        assert_eq!(t.status(&me, running).await, Active, "renaming does not stop it");
        delete(&t, &me, purchased).await.unwrap();
        t.run_jobs().await;
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(purchased)]);
        t.finish().await;
    }

    async fn stop_cancels_automatic_restart(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        pause(&t, id).await;
        let calls = t.telegram.script.count("delete_webhook");
        stop(&t, &me, id).await.unwrap();
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Stopped, Paused, None));
        assert_eq!(t.telegram.script.count("delete_webhook"), calls, "no worker was left to remove");
        let version = t.get_stored(id).await.version;
        stop(&t, &me, id).await.unwrap();
        assert_eq!(t.get_stored(id).await.version, version, "the second stop changes nothing");
        resume(&t, id).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Paid));
        redeploy(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Stopped, Deploying, Active]);
        t.finish().await;
    }

    async fn pause_fences_deployment_and_resume_repeats_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.next_number() - 1);
        let gate = t.telegram.script.hold("set_webhook");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, id, &json!({"status": "paused"}))).await;
            reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Stopped);
            gate.open();
        });
        t.run_jobs().await;
        assert_eq!((t.workers.running(), t.telegram.webhook(&token)), (vec![], None));
        resume(&t, id).await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Stopped, Deploying, Active]);
        assert!(t.telegram.webhook(&token).is_some());
        t.finish().await;
    }

    async fn pause_and_resume_are_found_without_webhooks(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, unreported) = (t.create_active(&me).await, t.create_unpaid(&me).await);
        let set_status = |id, status: &str| t.payments.set_subscription(subscription_doc(&t, id, &json!({"status": status})));
        let pass = async |times: u32| {
            for _ in 0..times {
                t.advance_and_run(HOUR).await;
                t.services.reconcile_due().await.unwrap();
                t.run_jobs().await;
            }
        };
        t.payments.set_checkout_status(unreported, "succeeded");
        for id in [id, unreported] {
            set_status(id, "paused");
        }
        pass(12).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Paused));
        let record = t.record(&me, unreported).await;
        assert_eq!((record.status, record.payment_status), (Purchased, Paused), "a paused subscription was paid for");
        for id in [id, unreported] {
            set_status(id, "active");
        }
        pass(12).await;
        assert_eq!((t.status(&me, id).await, t.status(&me, unreported).await), (Active, Purchased));
        assert_eq!(t.record(&me, id).await.payment_status, Paid);
        t.finish().await;
    }

    async fn late_pause_webhook_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.clock.advance(TICK);
        let paused = subscription_doc(&t, id, &json!({"status": "paused"}));
        t.clock.advance(TICK);
        let resumed = subscription_doc(&t, id, &json!({}));
        t.receive_polar_webhook("subscription.resumed", resumed.clone()).await;
        for kind in ["subscription.updated", "subscription.paused"] {
            t.receive_polar_webhook(kind, paused.clone()).await;
        }
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active], "the resumption arrived before the pause");
        pause(&t, id).await;
        t.receive_polar_webhook("subscription.resumed", resumed).await;
        // The last order of the previous period is paid.
        t.receive_order_event(id, "order.paid").await;
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Paused));
        t.finish().await;
    }

    async fn scheduled_pause_changes_nothing_yet(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let scheduled = json!({"pause_at_period_end": true, "resumes_at": "2026-05-01T00:00:00Z", "paused_at": null});
        for kind in ["subscription.updated", "subscription.paused"] {
            t.receive_polar_webhook(kind, subscription_doc(&t, id, &scheduled)).await;
        }
        t.run_jobs().await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, Paid));
        t.finish().await;
    }

    async fn subscription_end_while_paused_cancels_restart(db: TestStore) {
        let t = TestServices::with_mail(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        pause(&t, id).await;
        report(&t, id, "revoked", "canceled").await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Stopped, Canceled));
        assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED: "));
        let subjects: Vec<_> = t.mailer.sent().into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, [format!("[Reef] {} is paused", record.name), format!("[Reef] The subscription for {} has ended", record.name)]);
        report(&t, id, "active", "active").await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status, record.status_message), (Stopped, Paid, None));
        t.finish().await;
    }

    async fn past_due_resume_starts_assistant(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        pause(&t, id).await;
        report(&t, id, "past_due", "past_due").await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.payment_status), (Active, PastDue));
        t.finish().await;
    }

    async fn deleted_assistant_is_not_resumed(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        pause(&t, id).await;
        delete(&t, &me, id).await.unwrap();
        t.run_jobs().await;
        resume(&t, id).await;
        assert!(matches!(t.services.get_assistant(&me, &id.to_string()).await, Err(Error::NotFound)));
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn bot_used_elsewhere_meanwhile_is_not_resumed(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let number = t.next_number() - 1;
        pause(&t, id).await;
        let other = t.create_paid(&me).await;
        t.services.activate(&me, &other.to_string(), Ok(activation(number))).await.unwrap();
        t.run_jobs().await;
        let webhook = t.telegram.webhook(&bot_token(number));
        resume(&t, id).await;
        assert_eq!((t.status(&me, id).await, t.status(&me, other).await), (Failed, Active));
        assert_eq!(t.state(id).await.failure(), Some(FailureCode::TelegramConflict));
        assert_eq!(t.telegram.webhook(&bot_token(number)), webhook);
        assert_eq!(t.workers.running().len(), 1);
        t.finish().await;
    }

    async fn slow_worker_removal_does_not_delay_resume(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        t.telegram.script.fail("delete_webhook", 3, || TelegramError::Unavailable("down".into()));
        pause(&t, id).await;
        resume(&t, id).await;
        for _ in 0..10 {
            t.advance_and_run(MINUTE).await;
        }
        assert_eq!(t.status(&me, id).await, Active);
        assert!(t.telegram.webhook(&token).is_some());
        assert_eq!(t.workers.running().len(), 1);
        t.finish().await;
    }

    async fn pause_during_change_check_refuses_change(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let gate = t.models.script.hold("check");
        let update = UpdateInput { model_id: Some("claude-opus-5".into()), ..UpdateInput::default() };
        let change = reef_service::assistants::Change { update: Some(update), callback: Default::default() };
        let text = id.to_string();
        let (changed, ()) = tokio::join!(t.services.change(&me, &text, Ok(change)), async {
            gate.reached().await;
            t.receive_polar_webhook("subscription.paused", subscription_doc(&t, id, &json!({"status": "paused"}))).await;
            reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
            gate.open();
        });
        assert!(matches!(changed, Err(Error::InvalidState { current: Stopped, .. })), "{changed:?}");
        t.run_jobs().await;
        resume(&t, id).await;
        let record = t.record(&me, id).await;
        assert_eq!((record.status, record.model_id.as_deref()), (Active, Some("claude-sonnet-5")));
        t.advance_and_run(MINUTE).await;
        t.finish().await;
    }

    async fn pause_does_not_grant_unpaid_assistant(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_unpaid(&me).await;
        pause(&t, id).await;
        assert_eq!(t.status(&me, id).await, PendingPayment);
        t.finish().await;
    }
}

async fn resume_by(t: &TestServices, id: AssistantId, kind: &str) {
    report(t, id, kind, "active").await;
}
