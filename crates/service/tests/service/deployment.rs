use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use reef_domain::FailureCode;
use reef_domain::input::UpdateInput;
use reef_domain::wire::Status::{Active, Deploying, Failed, Purchased};
use reef_ports::{Entropy, ModelCheckError, Ports, TelegramError, WorkerHostError};
use reef_service::testing::{SeededEntropy, TestServices, activation, bot_token};
use reef_service::{Caller, Error, Services};
use reef_store::on_both_databases;
use reef_store::testing::TestStore;
use reef_vault::Vault;

use crate::support::{SECOND, message, redeploy, times_active, walk};

/// Randomness that returns the same four bytes a few times.
struct Unlucky {
    draws: AtomicUsize,
    then: SeededEntropy,
}

impl Entropy for Unlucky {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() == 4 && self.draws.fetch_add(1, Ordering::SeqCst) < 4 {
            buffer.fill(7);
        } else {
            self.then.fill(buffer);
        }
    }
}

/// Activates an assistant whose deployment fails, checks the code, and deploys it successfully afterwards.
async fn fails_with(t: &TestServices, me: &Caller, code: FailureCode) {
    let id = t.create_paid(me).await;
    t.activate(me, id).await.expect("activation should succeed");
    let token = bot_token(t.next_number() - 1);
    t.run_jobs().await;
    assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Failed]);
    let status_message = message(t, me, id).await;
    assert!(status_message.starts_with(&format!("{}: ", code.as_str())), "{status_message}");
    assert!(status_message.len() <= 500, "{status_message}");
    assert_eq!((t.workers.running(), t.telegram.webhook(&token)), (vec![], None));
    assert!(!t.record(me, id).await.is_prebuy, "a failed deployment uses up the prebuy");
    assert!(matches!(t.activate(me, id).await, Err(Error::InvalidState { .. })));
    t.telegram.script.clear();
    t.workers.script.clear();
    t.models.script.clear();
    redeploy(t, me, id).await.expect("a redeployment");
    t.run_jobs().await;
    assert_eq!(t.status(me, id).await, Active);
    crate::support::delete(t, me, id).await.expect("deletion");
    t.run_jobs().await;
}

on_both_databases! {
    async fn rejections_have_failure_codes(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
        fails_with(&t, &me, FailureCode::TelegramTokenRejected).await;
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        fails_with(&t, &me, FailureCode::TelegramConflict).await;
        t.models.script.fail("check", 1, || ModelCheckError::KeyRejected);
        fails_with(&t, &me, FailureCode::ModelKeyRejected).await;
        t.models.script.fail("check", 1, || ModelCheckError::ModelUnavailable);
        fails_with(&t, &me, FailureCode::ModelUnavailable).await;
        t.finish().await;
    }

    async fn deployment_ends_at_deadline(db: TestStore) {
        let t = TestServices::with_config(db, |config| config.deploy_timeout = Duration::from_millis(600));
        let me = t.create_user().await;
        t.telegram.script.hold("set_webhook");
        fails_with(&t, &me, FailureCode::DeployTimeout).await;
        t.finish().await;
    }

    async fn deployment_of_dead_process_ends_at_deadline(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        t.clock.advance(Duration::from_secs(314));
        t.services.fail_overdue_deployments().await.unwrap();
        assert_eq!(t.status(&me, id).await, Deploying, "a run gets a grace period to end itself");
        t.clock.advance(SECOND);
        t.services.fail_overdue_deployments().await.unwrap();
        assert!(message(&t, &me, id).await.starts_with("DEPLOY_TIMEOUT: "));
        t.run_jobs().await;
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Failed]);
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn late_deployment_job_ends_run(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        t.advance_and_run(Duration::from_secs(301)).await;
        assert!(message(&t, &me, id).await.starts_with("DEPLOY_TIMEOUT: "));
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn missing_worker_is_detected_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, other) = (t.create_active(&me).await, t.create_active(&me).await);
        t.services.fail_missing_workers().await.unwrap();
        assert_eq!(t.status(&me, id).await, Active);
        t.workers.lose_worker(id);
        // A row that cannot be read must not keep the others from being checked.
        let broken = t.create_active(&me).await;
        crate::support::raw(&t, "update assistants set generation = null where id = $1", broken).await;
        t.services.fail_missing_workers().await.unwrap();
        t.services.fail_missing_workers().await.unwrap();
        assert!(message(&t, &me, id).await.starts_with("WORKER_MISSING: "));
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Failed]);
        assert_eq!(t.status(&me, other).await, Active);
        t.run_jobs().await;
        t.finish().await;
    }

    async fn missing_worker_is_detected_beyond_first_round(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(t.create_active(&me).await);
        }
        ids.sort();
        let check = async || t.services.fail_missing_workers_of(2).await.unwrap();
        check().await;
        t.workers.lose_worker(ids[0]);
        t.workers.lose_worker(ids[4]);
        check().await;
        assert_eq!(t.status(&me, ids[4]).await, Active, "the second round ends before it");
        check().await;
        assert!(message(&t, &me, ids[4]).await.starts_with("WORKER_MISSING: "));
        assert_eq!(t.status(&me, ids[0]).await, Active, "the third round does not start again");
        check().await;
        assert!(message(&t, &me, ids[0]).await.starts_with("WORKER_MISSING: "));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn worker_name_collision_is_resolved(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (one, two) = (t.create_paid(&me).await, t.create_paid(&me).await);
        let entropy = Arc::new(Unlucky { draws: AtomicUsize::new(0), then: SeededEntropy::new(2) });
        let ports = Ports { entropy, ..t.services.ports().clone() };
        let vault = Arc::new(Vault::new(&BASE64.encode(&[7; 32]).into()).unwrap());
        let services = Services::new(t.db.store.clone(), t.services.config().clone(), vault, ports);
        let mut names = Vec::new();
        for (id, number) in [(one, 81), (two, 82)] {
            let record = services.activate(&me, &id.to_string(), Ok(activation(number))).await.unwrap();
            names.push(record.worker_name.unwrap());
        }
        assert_eq!(names[0], "openclaw-07070707");
        assert!(names[1].starts_with("openclaw-") && names[1] != names[0], "{names:?}");
        t.run_jobs().await;
        t.finish().await;
    }

    async fn replaced_bot_of_missing_worker_loses_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        let (old, new) = (bot_token(71), bot_token(72));
        t.services.activate(&me, &id.to_string(), Ok(activation(71))).await.unwrap();
        t.run_jobs().await;
        t.workers.lose_worker(id);
        t.services.fail_missing_workers().await.unwrap();
        assert!(t.telegram.webhook(&old).is_some());
        let patch = |token: &str| UpdateInput { telegram_bot_token: Some(token.to_owned()), ..Default::default() };
        // Saving the same bot again keeps the webhook, because the next deployment needs it.
        t.services.update(&me, &id.to_string(), Ok(patch(&old))).await.unwrap();
        assert!(t.telegram.webhook(&old).is_some());
        t.services.update(&me, &id.to_string(), Ok(patch(&new))).await.unwrap();
        assert!(t.telegram.webhook(&old).is_none());
        t.run_jobs().await;
        t.finish().await;
    }

    async fn bot_in_use_is_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (first, second) = (t.create_paid(&me).await, t.create_paid(&me).await);
        let bot = |id: reef_domain::ids::AssistantId| {
            let services = t.services.clone();
            async move { services.activate(&me, &id.to_string(), Ok(activation(50))).await }
        };
        bot(first).await.unwrap();
        assert!(matches!(bot(second).await, Err(Error::InvalidInput { .. })));
        t.run_jobs().await;
        assert!(matches!(bot(second).await, Err(Error::InvalidInput { .. })));
        crate::support::stop(&t, &me, first).await.unwrap();
        bot(second).await.unwrap();
        t.run_jobs().await;
        // The bot belongs to the second assistant, so actions on the first must not remove its webhook.
        assert!(t.telegram.webhook(&bot_token(50)).is_some());
        redeploy(&t, &me, first).await.unwrap();
        t.run_jobs().await;
        assert!(message(&t, &me, first).await.starts_with("TELEGRAM_CONFLICT: "));
        assert!(t.telegram.webhook(&bot_token(50)).is_some(), "the failed deployment removed the webhook");
        crate::support::delete(&t, &me, first).await.unwrap();
        t.run_jobs().await;
        assert!(t.telegram.webhook(&bot_token(50)).is_some(), "the deletion removed the webhook");
        assert_eq!((t.status(&me, second).await, times_active(&t, second).await), (Active, 1));
        t.finish().await;
    }

    async fn concurrent_use_of_bot_one_wins(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let mut both = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (services, id) = (t.services.clone(), t.create_paid(&me).await);
            both.spawn(async move { services.activate(&me, &id.to_string(), Ok(activation(50))).await.is_ok() });
        }
        let mut results = both.join_all().await;
        results.sort_unstable();
        assert_eq!(results, [false, true]);
        t.run_jobs().await;
        t.finish().await;
    }
}

// These tests wait in real time and do not depend on the database, so they run on SQLite only.

#[tokio::test(flavor = "multi_thread")]
async fn worker_failures_have_codes() {
    let t = TestServices::new(TestStore::sqlite().await);
    let me = t.create_user().await;
    t.workers.script.fail("start", 100, || WorkerHostError("no room".into()));
    fails_with(&t, &me, FailureCode::WorkerStartFailed).await;
    t.workers.script.fail("health", 100, || WorkerHostError("unwell".into()));
    fails_with(&t, &me, FailureCode::HealthCheckFailed).await;
    t.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_failure_is_retried() {
    let t = TestServices::new(TestStore::sqlite().await);
    let me = t.create_user().await;
    t.telegram.script.fail("get_me", 1, || TelegramError::Unavailable("502".into()));
    t.models.script.fail("check", 1, || ModelCheckError::Unavailable("529".into()));
    t.workers.script.fail("remove", 1, || WorkerHostError("busy".into()));
    t.workers.script.fail("start", 1, || WorkerHostError("busy".into()));
    t.telegram.script.fail("set_webhook", 1, || TelegramError::RateLimited { seconds: 1 });
    t.workers.script.fail("health", 1, || WorkerHostError("not yet".into()));
    let id = t.create_active(&me).await;
    assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active]);
    t.finish().await;
}
