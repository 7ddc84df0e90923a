//! What happens while a change is deployed or undone.

use super::{
    active, all_secrets, assert_nothing_left, assert_runs_with, change, during_change, during_rollback,
    has_replaced_config, paths, pause_now, report,
};
use crate::support::{CHECKED, HOUR, MINUTE, TICK, delete, message, redeploy, stop, subscription_doc};
use reef_domain::input::UpdateInput;
use reef_domain::wire::Status::{Active, Deploying, Stopped};
use reef_ports::TelegramError;
use reef_service::Error;
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;
use serde_json::json;

on_both_databases! {
    async fn change_of_dead_process_is_undone_at_deadline(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        change(&t, &me, id, all_secrets(other)).await.unwrap();
        {
            // A process dies after it has set the new bot's webhook.
            let mut tx = t.db.store.begin().await.unwrap();
            let now = t.services.now();
            tx.claim_jobs("deploy", t.services.new_uuid(), now, now.plus(HOUR), 10).await.unwrap();
            tx.commit().await.unwrap();
        }
        use reef_ports::Telegram as _;
        t.telegram.set_webhook(&bot_token(other).into(), "https://workers.test/x", "x").await.unwrap();
        t.clock.advance(6 * MINUTE);
        t.services.fail_overdue_deployments().await.unwrap();
        assert_eq!(t.status(&me, id).await, Deploying);
        t.advance_and_run(MINUTE).await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("DEPLOY_TIMEOUT: Your change was undone"));
        assert!(t.telegram.webhook(&bot_token(other)).is_none(), "the new bot has no webhook");
        assert!(!has_replaced_config(&t, id).await);
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn stop_during_change_or_rollback_ends_both(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for is_undone in [false, true] {
            let (id, number) = active(&t, &me).await;
            let other = t.next_number();
            let stopping = async || stop(&t, &me, id).await.unwrap();
            if is_undone {
                during_rollback(&t, &me, id, other, stopping).await;
            } else {
                during_change(&t, &me, id, other, stopping).await;
            }
            assert_eq!((t.status(&me, id).await, message(&t, &me, id).await.as_str()), (Stopped, ""));
            assert_nothing_left(&t, id, [number, other]).await;
            // What starts again is the last change, or the settings from before if it was undone.
            redeploy(&t, &me, id).await.unwrap();
            t.run_jobs().await;
            if is_undone {
                assert_runs_with(&t, id, number, "claude-sonnet-5");
            } else {
                assert_runs_with(&t, id, other, "claude-opus-5");
            }
        }
        t.finish().await;
    }

    async fn deletion_during_change_or_rollback_leaves_nothing(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for is_undone in [false, true] {
            let (id, number) = active(&t, &me).await;
            let other = t.next_number();
            change(&t, &me, id, all_secrets(other)).await.unwrap();
            if is_undone {
                t.telegram.script.fail("get_me", 1, || TelegramError::TokenRejected);
                let gate = t.models.script.hold("check");
                tokio::join!(t.run_jobs(), async {
                    gate.reached().await;
                    gate.open();
                    delete(&t, &me, id).await.unwrap();
                });
            } else {
                delete(&t, &me, id).await.unwrap();
            }
            t.advance_and_run(CHECKED).await;
            t.advance_and_run(MINUTE).await;
            assert_nothing_left(&t, id, [number, other]).await;
        }
        t.finish().await;
    }

    async fn pause_during_change_keeps_rollback(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        during_change(&t, &me, id, other, async || {
            pause_now(&t, id).await;
        }).await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert!(has_replaced_config(&t, id).await);
        for bot in [number, other] {
            assert!(t.telegram.webhook(&bot_token(bot)).is_none(), "bot {bot}");
        }
        t.telegram.script.fail("set_webhook", 1, || TelegramError::Conflict);
        report(&t, id, "resumed", "active").await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        assert!(message(&t, &me, id).await.starts_with("TELEGRAM_CONFLICT: Your change was undone"));
        assert!(!has_replaced_config(&t, id).await);
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn subscription_end_erases_replaced_secrets_of_paused_change(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for ending in ["revoked", "stop", "update"] {
            let (id, number) = active(&t, &me).await;
            let other = t.next_number();
            during_change(&t, &me, id, other, async || pause_now(&t, id).await).await;
            assert!(has_replaced_config(&t, id).await, "{ending}");
            match ending {
                "revoked" => report(&t, id, "revoked", "canceled").await,
                "stop" => stop(&t, &me, id).await.unwrap(),
                _ => {
                    let renamed = UpdateInput { name: Some("Pearl".to_owned()), ..UpdateInput::default() };
                    t.services.update(&me, &id.to_string(), Ok(renamed)).await.unwrap();
                }
            }
            t.advance_and_run(MINUTE).await;
            assert_eq!(t.status(&me, id).await, Stopped, "{ending}");
            assert_nothing_left(&t, id, [number, other]).await;
        }
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn subscription_end_during_rollback_stops_it(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let other = t.next_number();
        during_rollback(&t, &me, id, other, async || {
            t.clock.advance(TICK);
            t.receive_polar_webhook("subscription.revoked", subscription_doc(&t, id, &json!({"status": "canceled"}))).await;
            reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
        }).await;
        assert_eq!(t.status(&me, id).await, Stopped);
        assert!(message(&t, &me, id).await.starts_with("SUBSCRIPTION_ENDED"));
        assert_nothing_left(&t, id, [number, other]).await;
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn second_change_waits_for_rollback(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let (other, third) = (t.next_number(), t.next_number());
        during_rollback(&t, &me, id, other, async || {
            let refused = change(&t, &me, id, all_secrets(third)).await;
            assert!(matches!(refused, Err(Error::InvalidState { current: Deploying, .. })), "{refused:?}");
            let refused = redeploy(&t, &me, id).await;
            assert!(matches!(refused, Err(Error::InvalidState { current: Deploying, .. })), "{refused:?}");
        }).await;
        assert_runs_with(&t, id, number, "claude-sonnet-5");
        change(&t, &me, id, all_secrets(third)).await.unwrap();
        t.run_jobs().await;
        assert_runs_with(&t, id, third, "claude-opus-5");
        assert_eq!(message(&t, &me, id).await, "");
        t.advance_and_run(HOUR).await;
        t.finish().await;
    }

    async fn bot_of_pending_rollback_is_not_free(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let (id, number) = active(&t, &me).await;
        let slot = t.create_paid(&me).await;
        let other = t.next_number();
        change(&t, &me, id, all_secrets(other)).await.unwrap();
        let taken = t.services.activate(&me, &slot.to_string(), Ok(reef_service::testing::activation(number))).await;
        assert_eq!(paths(taken), ["telegramBotToken"]);
        t.run_jobs().await;
        // The change worked, so the old bot is free.
        t.services.activate(&me, &slot.to_string(), Ok(reef_service::testing::activation(number))).await.unwrap();
        t.run_jobs().await;
        assert_eq!((t.status(&me, id).await, t.status(&me, slot).await), (Active, Active));
        t.finish().await;
    }
}
