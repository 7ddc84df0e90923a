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
    async fn a_step_ends_where_the_next_begins_and_the_last_with_the_run(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (id, other) = (add_deploying(&mut tx).await, add_deploying(&mut tx).await);
        assert_eq!(tx.steps_of(id, 1).await.unwrap(), []);
        tx.begin_step(id, 1, Step::Token, at(1)).await.unwrap();
        assert_eq!(tx.steps_of(id, 1).await.unwrap(), [step(Step::Token, 1, None, false)]);
        tx.begin_step(id, 1, Step::Model, at(2)).await.unwrap();
        tx.begin_step(other, 1, Step::Token, at(2)).await.unwrap();
        tx.end_step(id, 1, true, at(3)).await.unwrap();
        // Steps that have ended do not change.
        tx.end_step(id, 1, false, at(9)).await.unwrap();
        let expected = [step(Step::Token, 1, Some(2), false), step(Step::Model, 2, Some(3), true)];
        assert_eq!(tx.steps_of(id, 1).await.unwrap(), expected);
        assert_eq!(tx.steps_of(other, 1).await.unwrap(), [step(Step::Token, 2, None, false)]);
        assert_eq!(tx.steps_of(id, 2).await.unwrap(), []);
    }

    async fn a_run_that_begins_anew_forgets_what_it_had_done_from_there_on(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = add_deploying(&mut tx).await;
        for (at_ms, of) in [(1, Step::Token), (2, Step::Model), (3, Step::Worker)] {
            tx.begin_step(id, 1, of, at(at_ms)).await.unwrap();
        }
        tx.begin_step(id, 1, Step::Model, at(5)).await.unwrap();
        let expected = [step(Step::Token, 1, Some(2), false), step(Step::Model, 5, None, false)];
        assert_eq!(tx.steps_of(id, 1).await.unwrap(), expected);
    }

    async fn the_last_ten_generations_are_kept_and_all_go_with_the_assistant(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let state = State::Deploying { run: run(1), deadline: at(1000) };
        let id = add_assistant(&mut tx, user, state, NOW).await.id;
        for generation in 1..=12 {
            tx.begin_step(id, generation, Step::Token, at(generation)).await.unwrap();
        }
        assert_eq!(tx.steps_of(id, 1).await.unwrap(), []);
        assert_eq!(tx.steps_of(id, 2).await.unwrap().len(), 1);
        tx.delete_assistant(id, user, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(raw_rows!(db, (i64,), "select count(*) from deployment_steps"), [(0,)]);
    }

    async fn nothing_is_noted_of_an_assistant_that_is_not_there(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.begin_step(AssistantId::new(uuid()), 1, Step::Token, NOW).await.is_err());
    }

    async fn a_step_without_a_place_is_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let id = add_deploying(&mut tx).await;
        tx.begin_step(id, 1, Step::Token, NOW).await.unwrap();
        tx.commit().await.unwrap();
        raw!(db, "update deployment_steps set position = 6 where assistant_id = $1", id);
        assert_corrupt(db.store.read().await.unwrap().steps_of(id, 1).await, "deployment_steps", id);
    }
}
