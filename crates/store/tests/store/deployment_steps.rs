use reef_domain::State;
use reef_domain::ids::AssistantId;
use reef_domain::steps::{Step, StepRecord};
use reef_store::{Tx, on_both_databases};

use crate::support::{NOW, add_assistant, add_user, assert_corrupt, at, raw, raw_rows, run, uuid};

/// Stores an assistant that is deploying.
async fn add_deploying(tx: &mut Tx) -> AssistantId {
    let user = add_user(tx).await;
    let state = State::Deploying { run: run(1), deadline: at(1000) };
    add_assistant(tx, user, state, NOW).await.id
}

const fn step(step: Step, began: i64, ended: Option<i64>, failed: bool) -> StepRecord {
    let ended_at = match ended {
        Some(ms) => Some(at(ms)),
        None => None,
    };
    StepRecord { step, began_at: at(began), ended_at, failed }
}

on_both_databases! {
    async fn step_ends_when_next_starts_or_run_ends(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (id, other) = (add_deploying(&mut tx).await, add_deploying(&mut tx).await);
        assert_eq!(tx.list_deployment_steps(id, 1).await.unwrap(), []);
        tx.start_deployment_step(id, 1, Step::Token, at(1)).await.unwrap();
        assert_eq!(tx.list_deployment_steps(id, 1).await.unwrap(), [step(Step::Token, 1, None, false)]);
        tx.start_deployment_step(id, 1, Step::Model, at(2)).await.unwrap();
        tx.start_deployment_step(other, 1, Step::Token, at(2)).await.unwrap();
        tx.finish_deployment_step(id, 1, true, at(3)).await.unwrap();
        // Steps that have ended do not change.
        tx.finish_deployment_step(id, 1, false, at(9)).await.unwrap();
        let expected = [step(Step::Token, 1, Some(2), false), step(Step::Model, 2, Some(3), true)];
        assert_eq!(tx.list_deployment_steps(id, 1).await.unwrap(), expected);
        assert_eq!(tx.list_deployment_steps(other, 1).await.unwrap(), [step(Step::Token, 2, None, false)]);
        assert_eq!(tx.list_deployment_steps(id, 2).await.unwrap(), []);
    }

    async fn restarted_run_deletes_later_steps(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = add_deploying(&mut tx).await;
        for (at_ms, of) in [(1, Step::Token), (2, Step::Model), (3, Step::Worker)] {
            tx.start_deployment_step(id, 1, of, at(at_ms)).await.unwrap();
        }
        tx.start_deployment_step(id, 1, Step::Model, at(5)).await.unwrap();
        let expected = [step(Step::Token, 1, Some(2), false), step(Step::Model, 5, None, false)];
        assert_eq!(tx.list_deployment_steps(id, 1).await.unwrap(), expected);
    }

    async fn last_ten_generations_are_kept_until_deletion(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let state = State::Deploying { run: run(1), deadline: at(1000) };
        let id = add_assistant(&mut tx, user, state, NOW).await.id;
        for generation in 1..=12 {
            tx.start_deployment_step(id, generation, Step::Token, at(generation)).await.unwrap();
        }
        assert_eq!(tx.list_deployment_steps(id, 1).await.unwrap(), []);
        assert_eq!(tx.list_deployment_steps(id, 2).await.unwrap().len(), 1);
        tx.delete_assistant(id, user, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw_rows!(db, (i64,), "select count(*) from deployment_steps"), [(0,)]);
    }

    async fn step_of_unknown_assistant_is_refused(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.start_deployment_step(AssistantId::new(uuid()), 1, Step::Token, NOW).await.is_err());
    }

    async fn unknown_step_position_is_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = add_deploying(&mut tx).await;
        tx.start_deployment_step(id, 1, Step::Token, NOW).await.unwrap();
        tx.commit().await.unwrap();
        raw!(db, "update deployment_steps set position = 6 where assistant_id = $1", id);
        assert_corrupt(db.store.read().await.unwrap().list_deployment_steps(id, 1).await, "deployment_steps", id);
    }
}
