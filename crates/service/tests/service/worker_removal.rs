use reef_domain::wire::Status::{self, Active, Stopped};
use reef_service::Error;
use reef_service::jobs::Runner;
use reef_service::ports::{HostError, TelegramError};
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;

use crate::support::{CHECKED, HOUR, delete, redeploy, stop};

on_both_databases! {
    async fn a_worker_that_may_still_be_there_changes_nothing_and_can_be_tried_again(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let before = (t.record(&me, id).await, t.events(id).await);
        t.workers.script.fail("remove", 2, || HostError("500".into()));
        assert!(matches!(stop(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert!(matches!(delete(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert_eq!((t.record(&me, id).await, t.events(id).await), before);
        stop(&t, &me, id).await.unwrap();
        assert_eq!(t.status(&me, id).await, Stopped);
        delete(&t, &me, id).await.unwrap();
        t.run_after(CHECKED).await;
        t.finish().await;
    }

    async fn a_webhook_that_may_still_be_there_changes_nothing_either(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let token = bot_token(t.number() - 1);
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::Unavailable("500".into()));
        assert!(matches!(stop(&t, &me, id).await, Err(Error::WorkerDeleteFailed { .. })));
        assert_eq!((t.status(&me, id).await, t.workers.running().len()), (Active, 1));
        assert!(t.telegram.webhook(&token).is_some());
        // Telegram rejects the token, so there is no webhook left to delete.
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::TokenRejected);
        stop(&t, &me, id).await.unwrap();
        assert!(t.workers.running().is_empty());
        t.run_after(CHECKED).await;
        t.finish().await;
    }

    async fn a_bot_hears_again_after_a_stop_that_was_refused(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let token = bot_token(t.number() - 1);
        let webhook = t.telegram.webhook(&token);
        t.workers.script.fail("remove", 1, || HostError("500".into()));
        assert!(stop(&t, &me, id).await.is_err());
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Active, None));
        // Setting the webhook fails once, which must not lose the token.
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Unavailable("500".into()));
        t.run_after(CHECKED).await;
        t.run_after(CHECKED).await;
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Active, webhook));
        t.finish().await;
    }

    async fn a_late_removal_does_not_leave_a_newer_run_without_its_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.number() - 1);
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        t.telegram.script.fail("delete_webhook", 2, || TelegramError::Unavailable("500".into()));
        t.run().await;
        assert_eq!(t.status(&me, id).await, Status::Failed);
        // The failed run's cleanup is retried and held; meanwhile a new run starts.
        let gate = t.telegram.script.hold("delete_webhook");
        t.clock.advance(HOUR);
        tokio::join!(t.run(), async {
            gate.reached().await;
            redeploy(&t, &me, id).await.unwrap();
            Runner::new(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Active);
            gate.open();
        });
        t.run_after(CHECKED).await;
        assert_eq!(t.status(&me, id).await, Active);
        assert!(t.telegram.webhook(&token).is_some());
        t.finish().await;
    }

    async fn a_worker_that_vanished_leaves_no_webhook(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let token = bot_token(t.number() - 1);
        t.workers.lose(id);
        t.services.fail_missing_workers().await.unwrap();
        t.run().await;
        assert_eq!((t.status(&me, id).await, t.telegram.webhook(&token)), (Status::Failed, None));
        t.finish().await;
    }

    async fn stopping_twice_is_as_good_as_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        stop(&t, &me, id).await.unwrap();
        let (record, events) = (t.record(&me, id).await, t.events(id).await);
        t.clock.advance(HOUR);
        stop(&t, &me, id).await.unwrap();
        assert_eq!((t.record(&me, id).await, t.events(id).await), (record, events));
        t.run().await;
        t.finish().await;
    }

    async fn before_activation_there_is_nothing_to_stop_or_redeploy(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        for (id, status) in [(t.slot(&me).await, Status::PendingPayment), (t.paid(&me).await, Status::Purchased)] {
            for refused in [stop(&t, &me, id).await, redeploy(&t, &me, id).await] {
                assert!(matches!(refused, Err(Error::InvalidState { current, .. }) if current == status), "{refused:?}");
            }
            delete(&t, &me, id).await.unwrap();
        }
        t.run().await;
        t.finish().await;
    }

    async fn an_ended_subscription_takes_the_worker_away_even_when_telegram_does_not_help(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        let token = bot_token(t.number() - 1);
        t.telegram.script.fail("delete_webhook", 1, || TelegramError::Unavailable("500".into()));
        t.subscription(id, "subscription.revoked").await;
        t.run().await;
        assert!(t.workers.running().is_empty());
        assert!(t.telegram.webhook(&token).is_some());
        t.run_after(HOUR).await;
        assert!(t.telegram.webhook(&token).is_none(), "the deletion is retried");
        t.finish().await;
    }

    async fn forgetting_is_tried_often_and_then_stays_visible(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.user().await;
        let id = t.active(&me).await;
        t.workers.script.fail("forget", 1000, || HostError("500".into()));
        delete(&t, &me, id).await.unwrap();
        for _ in 0..19 {
            t.run_after(HOUR).await;
        }
        assert_eq!(t.jobs().await, (1, 0));
        t.run_after(HOUR).await;
        assert_eq!((t.jobs().await, t.workers.script.count("forget")), ((0, 1), 20));
        assert_eq!(t.run_after(24 * HOUR).await, 0, "a dead job is not retried");
    }
}
