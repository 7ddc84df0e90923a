//! What happens during a deployment, and which of two concurrent requests wins.

use reef_domain::wire::Status::{Active, Deploying, Purchased, Stopped};
use reef_service::Error;
use reef_service::testing::{TestServices, bot_token};
use reef_store::on_both_databases;
use tokio::task::JoinSet;

use crate::support::{CHECKED, delete, redeploy, stop, times_active, walk};

on_both_databases! {
    async fn stop_during_deployment_leaves_no_worker(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for step in ["start", "health"] {
            let id = t.create_paid(&me).await;
            t.activate(&me, id).await.unwrap();
            let token = bot_token(t.next_number() - 1);
            let gate = t.workers.script.hold(step);
            tokio::join!(t.run_jobs(), async {
                gate.reached().await;
                stop(&t, &me, id).await.unwrap();
                gate.open();
            });
            t.run_jobs().await;
            assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Stopped], "{step}");
            assert_eq!((t.workers.running(), t.telegram.webhook(&token)), (vec![], None), "{step}");
        }
        t.finish().await;
    }

    async fn run_becoming_active_during_stop_leaves_no_worker(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for is_deleted in [false, true] {
            let id = t.create_paid(&me).await;
            t.activate(&me, id).await.unwrap();
            // The stop finds no worker yet; then the run starts one and ends.
            let gate = reef_service::testing::Gate::new();
            let held = reef_service::testing::Behavior::HoldAfter(std::sync::Arc::clone(&gate));
            t.workers.script.on("remove", 1, held);
            let ended = async {
                if is_deleted { delete(&t, &me, id).await } else { stop(&t, &me, id).await }
            };
            let (ended, ()) = tokio::join!(ended, async {
                gate.reached().await;
                t.run_jobs().await;
                // A deletion has ended the run before.
                let expected = if is_deleted { Deploying } else { Active };
                assert_eq!(t.status(&me, id).await, expected);
                gate.open();
            });
            ended.unwrap();
            t.advance_and_run(CHECKED).await;
            assert_eq!(t.workers.running(), [], "deleted: {is_deleted}");
        }
        t.finish().await;
    }

    async fn deletion_during_deployment_leaves_no_worker(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.next_number() - 1);
        let gate = t.telegram.script.hold("set_webhook");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            delete(&t, &me, id).await.unwrap();
            gate.open();
        });
        t.advance_and_run(CHECKED).await;
        assert!(t.workers.running().is_empty());
        assert_eq!(t.telegram.webhook(&token), None);
        assert_eq!(t.payments.revoked(), [TestServices::subscription_id(id)]);
        t.finish().await;
    }

    async fn concurrent_deletions_during_deployment_delete_once(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        for _ in 0..3 {
            let id = t.create_paid(&me).await;
            t.activate(&me, id).await.unwrap();
            let mut all = JoinSet::new();
            for _ in 0..10 {
                let services = t.services.clone();
                all.spawn(async move { services.delete(&me, &id.to_string(), Ok(())).await });
            }
            let (won, lost): (Vec<_>, Vec<_>) = all.join_all().await.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "{lost:?}");
            for error in lost {
                assert!(matches!(error, Err(Error::NotFound)), "{error:?}");
            }
            t.advance_and_run(CHECKED).await;
        }
        assert!(t.workers.running().is_empty());
        t.finish().await;
    }

    async fn late_result_of_replaced_run_is_dropped(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        t.activate(&me, id).await.unwrap();
        let token = bot_token(t.next_number() - 1);
        let gate = t.workers.script.hold("start");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            stop(&t, &me, id).await.unwrap();
            redeploy(&t, &me, id).await.unwrap();
            reef_service::jobs::runner(t.services.clone()).run_due().await.unwrap();
            assert_eq!(t.status(&me, id).await, Active);
            gate.open();
        });
        t.run_jobs().await;
        assert_eq!(times_active(&t, id).await, 1);
        assert_eq!(t.workers.spec_of(id).unwrap().worker.generation, 3);
        assert!(t.telegram.webhook(&token).is_some());
        t.finish().await;
    }

    async fn redeployment_fences_old_worker_first(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_active(&me).await;
        redeploy(&t, &me, id).await.unwrap();
        let gate = t.workers.script.hold("start");
        tokio::join!(t.run_jobs(), async {
            gate.reached().await;
            assert!(t.workers.running().is_empty());
            gate.open();
        });
        assert_eq!(t.workers.spec_of(id).unwrap().worker.generation, 2);
        t.finish().await;
    }

    async fn concurrent_starts_one_wins(db: TestStore) {
        let t = TestServices::new(db);
        let me = t.create_user().await;
        let id = t.create_paid(&me).await;
        for is_first in [true, false] {
            let mut both = JoinSet::new();
            for _ in 0..4 {
                let (services, number) = (t.services.clone(), t.next_number());
                both.spawn(async move {
                    let id = id.to_string();
                    if is_first {
                        let input = reef_service::testing::activation(number);
                        services.activate(&me, &id, Ok(input)).await.map(drop)
                    } else {
                        services.redeploy(&me, &id, Ok(Default::default())).await.map(drop)
                    }
                });
            }
            let (won, lost): (Vec<_>, Vec<_>) = both.join_all().await.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 3));
            for error in lost {
                assert!(matches!(error, Err(Error::InvalidState { current: Deploying, .. })), "{error:?}");
            }
            t.run_jobs().await;
        }
        assert_eq!(walk(&t.events(id).await), [Purchased, Deploying, Active, Deploying, Active]);
        assert_eq!(t.workers.running().len(), 1);
        t.finish().await;
    }
}
