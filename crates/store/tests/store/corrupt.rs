use reef_domain::ids::AssistantId;
use reef_domain::wire::Status;
use reef_domain::{State, Timestamp};
use reef_store::{StoreError, on_both_databases};

use crate::support::{NOW, add_assistant, add_user, assert_corrupt, at, raw, run};

/// Which of worker name, generation, deadline, worker URL and failure code are set.
type Present = [bool; 5];

/// The combinations that the states of the domain have.
fn possible(status: Status) -> &'static [Present] {
    const NONE: Present = [false; 5];
    match status {
        Status::PendingPayment | Status::Purchased => &[NONE],
        Status::Deploying => &[[true, true, true, false, false]],
        Status::Active => &[[true, true, false, true, false]],
        Status::Failed => &[[true, true, false, false, true]],
        Status::Stopped => &[[true, true, false, false, false], [true, true, false, false, true]],
    }
}

fn combinations() -> impl Iterator<Item = (Status, Present)> {
    Status::ALL.iter().flat_map(|&status| {
        (0_u8..32).map(move |bits| (status, std::array::from_fn(|column| bits & (1 << column) != 0)))
    })
}

on_both_databases! {
    async fn impossible_column_combinations_are_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_assistant(&mut tx, user, State::Purchased, NOW).await.id;
        tx.commit().await.unwrap();
        let mut refused = 0;
        for (status, present) in combinations() {
            let [name, generation, deadline, url, failure] = present;
            let changed = raw!(
                db,
                "update assistants set status = $2, worker_name = $3, generation = $4, deadline = $5,
                        worker_url = $6, failure_code = $7 where id = $1",
                id,
                status.as_str(),
                name.then_some("openclaw-00000000"),
                generation.then_some(3_i64),
                deadline.then_some(NOW),
                url.then_some("https://w"),
                failure.then_some("DEPLOY_TIMEOUT"),
            );
            assert_eq!(changed, 1);
            let mut tx = db.store.read().await.unwrap();
            let found = tx.find_assistant(id).await;
            if possible(status).contains(&present) {
                assert_eq!(found.unwrap().unwrap().state.status(), status, "{present:?}");
            } else {
                refused += 1;
                assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{status} {present:?}: {found:?}");
                assert_corrupt(found, "assistants", id);
            }
        }
        assert_eq!(refused, 6 * 32 - 7);
    }

    async fn unknown_value_in_any_column_is_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        for sql in [
            "update assistants set status = 'sleeping' where id = $1",
            "update assistants set status = 'FAILED' where id = $1",
            "update assistants set plan = 'free' where id = $1",
            "update assistants set payment_status = 'maybe' where id = $1",
            "update assistants set payment_status = '' where id = $1",
            "update assistants set provider = 'skynet' where id = $1",
            "update assistants set provider = '' where id = $1",
            "update assistants set failure_code = 'BAD_LUCK' where id = $1",
            "update assistants set failure_code = 'DEPLOY_TIMEOUT: with its sentence' where id = $1",
        ] {
            let failed = State::Failed { run: run(1), failure: reef_domain::FailureCode::DeployTimeout };
            let id = add_assistant(&mut tx, user, failed, NOW).await.id;
            tx.commit().await.unwrap();
            assert_eq!(raw!(db, sql, id), 1);
            tx = db.store.begin().await.unwrap();
            assert_corrupt(tx.find_assistant(id).await, "assistants", id);
        }
    }

    async fn every_query_reports_corrupt_row(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let deploying = State::Deploying { run: run(1), deadline: NOW };
        let mut broken = add_assistant(&mut tx, user, deploying, NOW).await;
        broken.payment.subscription_id = Some("sub_1".to_owned());
        assert!(tx.update_assistant(&mut broken).await.unwrap());
        let sound = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        tx.commit().await.unwrap();
        let id: AssistantId = broken.id;
        assert_eq!(raw!(db, "update assistants set generation = null where id = $1", id), 1);

        let mut tx = db.store.begin().await.unwrap();
        assert_corrupt(tx.find_assistant(id).await, "assistants", id);
        assert_corrupt(tx.lock_assistant(id).await, "assistants", id);
        assert_corrupt(tx.find_assistant_by_subscription("sub_1").await, "assistants", id);
        assert_corrupt(tx.list_assistants(user, Timestamp::from_unix_ms(0)).await, "assistants", id);
        // Other rows can still be read.
        assert_eq!(tx.find_assistant(sound.id).await.unwrap(), Some(sound));
    }

    async fn reconciler_lists_skip_corrupt_row(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let deploying = || State::Deploying { run: run(1), deadline: NOW };
        let broken = add_assistant(&mut tx, user, deploying(), NOW).await;
        let sound = add_assistant(&mut tx, user, deploying(), NOW).await;
        tx.commit().await.unwrap();
        assert_eq!(raw!(db, "update assistants set generation = null where id = $1", broken.id), 1);

        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.list_overdue_deployments(at(1), 10).await.unwrap(), [sound]);
    }

    async fn active_runs_skip_corrupt_row(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let active = |run| State::Active { run, worker_url: "https://workers.test".to_owned() };
        let broken = [add_assistant(&mut tx, user, active(run(1)), NOW).await, add_assistant(&mut tx, user, active(run(1)), NOW).await];
        let sound = add_assistant(&mut tx, user, active(run(1)), NOW).await;
        tx.commit().await.unwrap();
        assert_eq!(raw!(db, "update assistants set generation = null where id = $1", broken[0].id), 1);
        assert_eq!(raw!(db, "update assistants set worker_name = null where id = $1", broken[1].id), 1);

        let mut tx = db.store.read().await.unwrap();
        let listed = tx.list_active_runs(None, 10).await.unwrap();
        assert_eq!(listed.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [sound.id]);
    }

    async fn corrupt_error_names_row_without_content(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_assistant(&mut tx, user, State::Purchased, NOW).await.id;
        tx.commit().await.unwrap();
        raw!(db, "update assistants set status = 'hunter2', name = 'hunter2' where id = $1", id);
        let error = db.store.read().await.unwrap().find_assistant(id).await.unwrap_err();
        assert_eq!(error.to_string(), format!("corrupt row in assistants: {id}"));
    }
}
