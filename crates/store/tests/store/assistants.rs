use std::time::Duration;

use reef_domain::assistant::{Config, Payment};
use reef_domain::ids::{AssistantId, UserId};
use reef_domain::wire::{ApiMode, PaymentStatus, Provider};
use reef_domain::{Assistant, FailureCode, State};
use reef_store::on_both_databases;

use crate::support::{NOW, add_assistant, add_unpaid_assistant, add_user, at, run, uuid};

/// Every state, with every value that its columns can have.
fn every_state() -> Vec<State> {
    let mut states = vec![
        State::PendingPayment,
        State::Purchased,
        State::Deploying { run: run(1), deadline: at(300_000) },
        State::Active { run: run(2), worker_url: "https://worker.example".to_owned() },
        State::Stopped { run: run(3), reason: None },
    ];
    for failure in FailureCode::ALL {
        states.push(State::Failed { run: run(4), failure });
        states.push(State::Stopped { run: run(5), reason: Some(failure) });
    }
    states
}

fn full(user: UserId, mode: ApiMode, status: PaymentStatus, provider: Provider) -> Assistant {
    Assistant {
        payment: Payment {
            status,
            subscription_id: Some("sub_1".to_owned()),
            current_period_end: Some(at(30 * 86_400_000)),
            canceled_at: Some(at(7)),
        },
        config: Config {
            name: Some("Ünï 🪸 \"quoted\"; drop table".to_owned()),
            provider: Some(provider),
            model_id: Some("claude-opus".to_owned()),
            callback_url: Some("https://example.com/hook?a=b".to_owned()),
        },
        sequence: 12,
        version: 34,
        updated_at: at(99),
        ..Assistant::new(AssistantId::new(uuid()), user, mode, NOW)
    }
}

on_both_databases! {
    async fn every_state_round_trips(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        for state in every_state() {
            let written = add_assistant(&mut tx, user, state, NOW).await;
            assert_eq!(tx.find_assistant(written.id).await.unwrap().as_ref(), Some(&written));
            assert_eq!(tx.lock_assistant(written.id).await.unwrap().as_ref(), Some(&written));
        }
    }

    async fn every_column_round_trips(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        for &mode in ApiMode::ALL {
            for &status in PaymentStatus::ALL {
                for &provider in Provider::ALL {
                    let written = full(user, mode, status, provider);
                    tx.insert_assistant(&written).await.unwrap();
                    assert_eq!(tx.find_assistant(written.id).await.unwrap(), Some(written));
                }
            }
        }
    }

    async fn new_order_round_trips(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        for &mode in ApiMode::ALL {
            let slot = Assistant::new(AssistantId::new(uuid()), user, mode, NOW);
            tx.insert_assistant(&slot).await.unwrap();
            assert_eq!(tx.find_assistant(slot.id).await.unwrap(), Some(slot));
        }
        assert_eq!(tx.find_assistant(AssistantId::new(uuid())).await.unwrap(), None);
        assert_eq!(tx.lock_assistant(AssistantId::new(uuid())).await.unwrap(), None);
    }

    async fn assistant_of_unknown_user_is_refused(db: TestStore) {
        let slot = Assistant::new(AssistantId::new(uuid()), UserId::new(uuid()), ApiMode::Byok, NOW);
        let mut tx = db.store.begin().await.unwrap();
        assert!(!tx.insert_assistant(&slot).await.unwrap_err().is_unique_violation());
    }

    async fn taken_assistant_id_is_unique_violation(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        assert!(tx.insert_assistant(&slot).await.unwrap_err().is_unique_violation());
    }

    async fn taken_worker_name_is_unique_violation(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let taken = run(1);
        add_assistant(&mut tx, user, State::Stopped { run: taken.clone(), reason: None }, NOW).await;
        let mut other = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        tx.commit().await.unwrap();

        let mut tx = db.store.begin().await.unwrap();
        let before = other.clone();
        other.state = State::Deploying { run: taken, deadline: NOW };
        assert!(tx.update_assistant(&mut other).await.unwrap_err().is_unique_violation());
        assert_eq!(other.version, before.version);
        drop(tx);
        assert_eq!(db.store.read().await.unwrap().find_assistant(other.id).await.unwrap(), Some(before));
    }

    async fn update_writes_every_column_and_increments_version(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut slot = add_unpaid_assistant(&mut tx, user).await;
        let bystander = add_unpaid_assistant(&mut tx, user).await;
        let mut changed = Assistant { id: slot.id, mode: slot.mode, version: slot.version,
            ..full(user, ApiMode::Byok, PaymentStatus::PastDue, Provider::Google) };
        for (step, state) in every_state().into_iter().enumerate() {
            changed.state = state;
            assert!(tx.update_assistant(&mut changed).await.unwrap());
            assert_eq!(changed.version, i64::try_from(step).unwrap() + 1);
            assert_eq!(tx.find_assistant(slot.id).await.unwrap().as_ref(), Some(&changed));
        }
        // Absent values are written, too.
        slot.version = changed.version;
        assert!(tx.update_assistant(&mut slot).await.unwrap());
        assert_eq!(tx.find_assistant(slot.id).await.unwrap(), Some(slot));
        assert_eq!(tx.find_assistant(bystander.id).await.unwrap(), Some(bystander));
    }

    async fn update_from_stale_version_changes_nothing(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut winner = add_unpaid_assistant(&mut tx, user).await;
        let mut loser = winner.clone();
        winner.state = State::Purchased;
        loser.config.name = Some("too late".to_owned());
        assert!(tx.update_assistant(&mut winner).await.unwrap());
        assert!(!tx.update_assistant(&mut loser).await.unwrap());
        assert_eq!((winner.version, loser.version), (1, 0));
        assert_eq!(tx.find_assistant(winner.id).await.unwrap(), Some(winner));
        let mut gone = Assistant::new(AssistantId::new(uuid()), user, ApiMode::Byok, NOW);
        assert!(!tx.update_assistant(&mut gone).await.unwrap());
    }

    async fn concurrent_updates_from_one_version_succeed_once(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let (store, mut mine) = (db.store.clone(), slot.clone());
            tasks.spawn(async move {
                mine.config.name = Some(format!("writer {writer}"));
                let mut tx = store.begin().await.unwrap();
                let won = tx.update_assistant(&mut mine).await.unwrap();
                tx.commit().await.unwrap();
                won.then_some(mine)
            });
        }
        let winners: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        let stored = db.store.read().await.unwrap().find_assistant(slot.id).await.unwrap();
        assert_eq!(stored.as_ref(), winners.first());
    }

    async fn lock_waits_and_then_sees_committed_state(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let id = add_unpaid_assistant(&mut tx, user).await.id;
        tx.commit().await.unwrap();

        let mut holder = db.store.begin().await.unwrap();
        let mut held = holder.lock_assistant(id).await.unwrap().unwrap();
        let store = db.store.clone();
        let mut waiter = tokio::spawn(async move {
            let mut tx = store.begin().await.unwrap();
            tx.lock_assistant(id).await.unwrap().unwrap()
        });
        assert!(tokio::time::timeout(Duration::from_millis(150), &mut waiter).await.is_err());
        // Readers do not wait for the lock.
        assert!(db.store.read().await.unwrap().find_assistant(id).await.unwrap().is_some());
        held.state = State::Purchased;
        assert!(holder.update_assistant(&mut held).await.unwrap());
        holder.commit().await.unwrap();
        assert_eq!(waiter.await.unwrap(), held);
    }
}
