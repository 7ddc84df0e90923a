use reef_domain::health::{Evidence, HealthCode, Legs, Verdict};
use reef_domain::ids::AssistantId;
use reef_domain::wire::{Provider, Status};
use reef_domain::{Assistant, State};
use reef_store::{HealthRow, HealthSignal, Tx, on_both_databases};

use crate::support::{NOW, add_assistant, add_user, assert_corrupt, at, raw, raw_rows, run};

async fn add_active(tx: &mut Tx) -> Assistant {
    let user = add_user(tx).await;
    let state = State::Active { run: run(1), worker_url: "https://workers.test/1".to_owned() };
    add_assistant(tx, user, state, NOW).await
}

fn row(assistant: &Assistant, next_check_ms: i64) -> HealthRow {
    HealthRow {
        assistant_id: assistant.id,
        user_id: assistant.user_id,
        generation: 1,
        provider: Provider::Anthropic,
        legs: Legs::deployed(NOW),
        announced: Verdict::Ok,
        mailed: Verdict::Ok,
        mailed_at: None,
        used_at: None,
        telegram_signal: None,
        model_signal: None,
        next_telegram_check_at: at(next_check_ms),
        next_model_check_at: at(next_check_ms),
    }
}

fn signal(id: AssistantId, model: Option<HealthCode>) -> HealthSignal {
    HealthSignal { assistant_id: id, generation: 1, telegram: None, model, is_use: true }
}

on_both_databases! {
    async fn health_is_stored_replaced_and_deleted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (one, other) = (add_active(&mut tx).await, add_active(&mut tx).await);
        let mut health = row(&one, 5);
        tx.replace_health(&health).await.unwrap();
        tx.replace_health(&row(&other, 5)).await.unwrap();
        assert_eq!(tx.find_health(one.id).await.unwrap(), Some(health.clone()));
        health.legs.telegram.observe(HealthCode::TokenRejected, Evidence::Check, at(6));
        health.announced = Verdict::Failing;
        health.mailed = Verdict::Failing;
        health.mailed_at = Some(at(6));
        health.next_telegram_check_at = at(7);
        health.next_model_check_at = at(8);
        tx.save_health(&health).await.unwrap();
        assert_eq!(tx.lock_health(one.id).await.unwrap(), Some(health.clone()));
        assert_eq!(tx.list_health_verdicts(one.user_id).await.unwrap(), [(one.id, Verdict::Failing)]);
        assert_eq!(tx.list_health_verdicts(other.user_id).await.unwrap(), [(other.id, Verdict::Ok)]);
        let next = HealthRow { generation: 2, used_at: Some(at(9)), ..row(&one, 9) };
        tx.replace_health(&next).await.unwrap();
        assert_eq!(tx.find_health(one.id).await.unwrap(), Some(next));
        tx.delete_health(one.id).await.unwrap();
        assert_eq!(tx.find_health(one.id).await.unwrap(), None);
        assert!(tx.find_health(other.id).await.unwrap().is_some());
    }

    async fn each_due_check_is_claimed_once_longest_due_first(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let mut ids = Vec::new();
        for due in [30, 10, 20] {
            let assistant = add_active(&mut tx).await;
            tx.replace_health(&row(&assistant, due)).await.unwrap();
            ids.push(assistant.id);
        }
        assert!(!tx.has_due_health(at(9)).await.unwrap());
        assert_eq!(tx.find_health_overdue_since(at(9)).await.unwrap(), None);
        assert_eq!(tx.find_health_overdue_since(at(25)).await.unwrap(), Some(at(10)));
        assert!(tx.has_due_health(at(10)).await.unwrap());
        let claims = tx.claim_telegram_checks(at(25), at(1000), 1).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.assistant_id).collect::<Vec<_>>(), [ids[1]]);
        assert_eq!(claims[0].claimed_until, at(1000));
        let claims = tx.claim_telegram_checks(at(25), at(1000), 9).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.assistant_id).collect::<Vec<_>>(), [ids[2]]);
        assert!(tx.claim_telegram_checks(at(25), at(1000), 9).await.unwrap().is_empty());
        assert_eq!(tx.claim_telegram_checks(at(1000), at(2000), 9).await.unwrap().len(), 3, "a claim expires");
        assert!(tx.claim_model_checks(Provider::Google, at(25), at(1000), 9).await.unwrap().is_empty());
        let claims = tx.claim_model_checks(Provider::Anthropic, at(25), at(1000), 1).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.assistant_id).collect::<Vec<_>>(), [ids[1]]);
        assert_eq!(tx.claim_model_checks(Provider::Anthropic, at(25), at(1000), 9).await.unwrap().len(), 1);
    }

    async fn concurrent_processes_share_the_due_checks(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        for _ in 0..20 {
            let assistant = add_active(&mut tx).await;
            tx.replace_health(&row(&assistant, 0)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let store = db.store.clone();
            tasks.spawn(async move {
                let mut claimed = Vec::new();
                for _ in 0..10 {
                    let mut tx = store.begin().await.unwrap();
                    claimed.extend(tx.claim_telegram_checks(at(1), at(1000), 3).await.unwrap());
                    tx.commit().await.unwrap();
                }
                claimed
            });
        }
        let mut claimed: Vec<_> =
            tasks.join_all().await.into_iter().flatten().map(|claim| claim.assistant_id).collect();
        claimed.sort();
        let count = claimed.len();
        claimed.dedup();
        assert_eq!((count, claimed.len()), (20, 20));
    }

    async fn signal_that_fits_waits_for_the_next_check(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let assistant = add_active(&mut tx).await;
        let id = assistant.id;
        tx.replace_health(&row(&assistant, 600_000)).await.unwrap();
        tx.record_health_signal(signal(id, Some(HealthCode::Ok)), at(1), at(50_000)).await.unwrap();
        let health = tx.find_health(id).await.unwrap().unwrap();
        assert_eq!((health.used_at, health.model_signal), (Some(at(1)), Some(HealthCode::Ok)));
        assert_eq!(health.next_telegram_check_at, at(50_000));
        assert_eq!(health.next_model_check_at, at(600_000));
        assert!(tx.list_health_signals(9).await.unwrap().is_empty());
        tx.record_health_signal(signal(id, None), at(2), at(50_001)).await.unwrap();
        let health = tx.find_health(id).await.unwrap().unwrap();
        assert_eq!((health.used_at, health.model_signal), (Some(at(2)), Some(HealthCode::Ok)), "nothing was seen");
        assert_eq!(health.next_telegram_check_at, at(50_000), "a check is not delayed");
    }

    async fn signal_that_differs_is_listed_until_it_is_evaluated(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (first, second) = (add_active(&mut tx).await, add_active(&mut tx).await);
        for assistant in [&first, &second] {
            tx.replace_health(&row(assistant, 600_000)).await.unwrap();
        }
        let old = HealthSignal { generation: 0, ..signal(first.id, Some(HealthCode::KeyRejected)) };
        tx.record_health_signal(old, at(1), at(9)).await.unwrap();
        assert!(!tx.has_due_health(at(1)).await.unwrap(), "of an earlier run");
        tx.record_health_signal(signal(second.id, Some(HealthCode::NoCredit)), at(2), at(9)).await.unwrap();
        let conflict =
            HealthSignal { telegram: Some(HealthCode::PollingConflict), is_use: false, ..signal(first.id, None) };
        tx.record_health_signal(conflict, at(3), at(9)).await.unwrap();
        assert!(tx.has_due_health(at(3)).await.unwrap());
        assert_eq!(tx.list_health_signals(9).await.unwrap(), [second.id, first.id]);
        assert_eq!(tx.list_health_signals(1).await.unwrap(), [second.id]);
        let mut health = tx.lock_health(first.id).await.unwrap().unwrap();
        assert_eq!((health.telegram_signal, health.used_at), (Some(HealthCode::PollingConflict), None));
        health.legs.telegram.observe(HealthCode::PollingConflict, Evidence::Use, at(3));
        tx.save_health(&health).await.unwrap();
        assert_eq!(tx.find_health(first.id).await.unwrap().unwrap().telegram_signal, None);
        assert_eq!(tx.list_health_signals(9).await.unwrap(), [second.id]);
        let fine = HealthSignal { telegram: Some(HealthCode::Ok), ..conflict };
        tx.record_health_signal(fine, at(4), at(9)).await.unwrap();
        assert_eq!(tx.list_health_signals(9).await.unwrap(), [second.id, first.id], "it may be over");
    }

    async fn sequence_advances_without_a_new_version(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let assistant = add_active(&mut tx).await;
        assert_eq!(tx.advance_sequence(assistant.id).await.unwrap(), Some(assistant.sequence + 1));
        let found = tx.find_assistant(assistant.id).await.unwrap().unwrap();
        assert_eq!((found.sequence, found.version), (assistant.sequence + 1, assistant.version));
        assert_eq!(found.state.status(), Status::Active);
        assert_eq!(tx.advance_sequence(AssistantId::new(crate::support::uuid())).await.unwrap(), None);
    }

    async fn unreadable_health_is_corrupt(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let assistant = add_active(&mut tx).await;
        tx.replace_health(&row(&assistant, 0)).await.unwrap();
        tx.commit().await.unwrap();
        for change in ["legs = '{}'", "verdict = 'fine', announced = 'fine'", "model_signal = 'x', legs = legs"] {
            let sql = format!("update assistant_health set {change} where assistant_id = $1");
            assert_eq!(raw!(db, sqlx::AssertSqlSafe(sql), assistant.id), 1);
            let mut tx = db.store.read().await.unwrap();
            assert_corrupt(tx.find_health(assistant.id).await, "assistant_health", assistant.id);
        }
        let mut tx = db.store.read().await.unwrap();
        assert_corrupt(tx.list_health_verdicts(assistant.user_id).await, "assistant_health", assistant.id);
    }

    async fn migration_lets_running_assistants_be_checked(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let assistant = add_active(&mut tx).await;
        let user = assistant.user_id;
        let stopped = add_assistant(&mut tx, user, State::Stopped { run: run(1), reason: None }, NOW).await;
        tx.commit().await.unwrap();
        // The statement of the migration, which has run on an empty database here.
        let folder = if matches!(db.store.database(), reef_store::Database::Sqlite { .. }) { "sqlite" } else { "postgres" };
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(folder);
        let text = std::fs::read_to_string(file.join("0008_health.sql")).unwrap();
        let insert = text[text.find("insert into assistant_health").unwrap()..].trim_end().trim_end_matches(';').to_owned();
        assert_eq!(raw!(db, sqlx::AssertSqlSafe(insert)), 1);
        let ids = raw_rows!(db, (AssistantId,), "select assistant_id from assistant_health");
        assert_eq!(ids, [(assistant.id,)]);
        let mut tx = db.store.begin().await.unwrap();
        let health = tx.find_health(assistant.id).await.unwrap().unwrap();
        assert_eq!(health.legs, Legs::not_checked());
        assert!(tx.find_health(stopped.id).await.unwrap().is_none());
        assert_eq!(tx.claim_telegram_checks(NOW, at(9), 9).await.unwrap().len(), 1);
    }
}
