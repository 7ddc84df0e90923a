use reef_domain::wire::Status::{self, Active, Stopped};
use reef_ports::{TelegramError, WorkerHostError};
use reef_service::Error;
use reef_service::jobs::runner;
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;

use crate::support::{CHECKED, HOUR, delete, redeploy, stop};

on_both_databases! {
    async fn failed_worker_removal_changes_nothing_and_can_be_retried(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let before = (t.record(&me, id).await, t.events(id).await);
        t.workers.script.fail("remove", 2, || WorkerHostError("500".into()));
        assert!(matches!(stop(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert!(matches!(delete(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert_eq!((t.record(&me, id).await, t.events(id).await), before);
        stop(&t, &me, id).await.unwrap();
        assert_eq!(t.status(&me, id).await, Stopped);
        delete(&t, &me, id).await.unwrap();
        t.advance_and_run(CHECKED).await;
        t.finish().await;
    }

    async fn failed_webhook_deletion_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::Unavailable("500".into()));
        assert!(matches!(stop(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert_eq!((t.status(&me, id).await, t.workers.running().len()), (Active, 1));
        assert!(t.telegram.webhook(&token).is_some());
        // Telegram rejects the token, so there is no webhook left to delete.
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::TokenRejected);
        stop(&t, &me, id).await.unwrap();
        assert!(t.workers.running().is_empty());
        t.advance_and_run(CHECKED).await;
        t.finish().await;
    }

    async fn refused_stop_restores_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        let webhook = t.telegram.webhook(&token);
        t.workers.script.fail("remove", 1, || WorkerHostError("500".into()));
        assert!(stop(&t, &me, id).await.is_err());
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Active, None));
        // Setting the webhook fails once, which must not lose the token.
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Unavailable("500".into()));
        t.advance_and_run(CHECKED).await;
        t.advance_and_run(CHECKED).await;
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Active, webhook));
        t.finish().await;
    }

    async fn late_removal_keeps_webhook_of_newer_run(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.next_number() - 1);
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.telegram.script.fail("delete_webhook", 2, || TelegramError::Unavailable("500".into()));
        t.run_jobs().await;
        assert_eq!(t.status(&me, id).await, Status::Failed);
        // The failed run's cleanup is retried and held; meanwhile a new run starts.
        let gate = t.telegram.script.hold("delete_webhook");
        t.clock.advance(HOUR);
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            redeploy(&t, &me, id).await.unwrap();
            runner(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Active);
            gate.open();
        });
        t.advance_and_run(CHECKED).await;
        assert_eq!(t.status(&me, id).await, Active);
        assert!(t.telegram.webhook(&token).is_some());
        t.finish().await;
    }

    async fn missing_worker_leaves_no_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        t.workers.lose_worker(id);
        t.services.fail_missing_workers().await.unwrap();
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Status::Failed, None));
        t.finish().await;
    }

    async fn second_stop_changes_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        stop(&t, &me, id).await.unwrap();
        let (record, events) = (t.record(&me, id).await, t.events(id).await);
        t.clock.advance(HOUR);
        stop(&t, &me, id).await.unwrap();
        assert_eq!((t.record(&me, id).await, t.events(id).await), (record, events));
        t.run_jobs().await;
        t.finish().await;
    }

    async fn stop_and_redeploy_before_activation_are_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for (id, status) in [(t.create_unpaid(&me).await, Status::PendingPayment), (t.create_paid(&me).await, Status::Purchased)] {
            for refused in [stop(&t, &me, id).await, redeploy(&t, &me, id).await] {
                assert!(matches!(refused, Err(Error::InvalidState { current, .. }) if current == status), "{refused:?}");
            }
            delete(&t, &me, id).await.unwrap();
        }
        t.run_jobs().await;
        t.finish().await;
    }

    async fn subscription_end_removes_worker_when_telegram_fails(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        let token = bot_token(t.next_number() - 1);
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::Unavailable("500".into()));
        t.receive_subscription_event(id, "subscription.revoked").await;
        t.run_jobs().await;
        assert!(t.workers.running().is_empty());
        assert!(t.telegram.webhook(&token).is_some());
        t.advance_and_run(HOUR).await;
        assert!(t.telegram.webhook(&token).is_none(), "the deletion is retried");
        t.finish().await;
    }

    async fn memory_deletion_is_retried_and_then_dead(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        t.workers.script.fail("forget", 1000, || WorkerHostError("500".into()));
        delete(&t, &me, id).await.unwrap();
        for _ in 0..19 {
            t.advance_and_run(HOUR).await;
        }
        assert_eq!(t.count_jobs().await, (1, 0));
        t.advance_and_run(HOUR).await;
        assert_eq!((t.count_jobs().await, t.workers.script.count("forget")), ((0, 1), 20));
        assert_eq!(t.advance_and_run(24 * HOUR).await, 0, "a dead job is not retried");
    }
}
