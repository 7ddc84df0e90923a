use reef_domain::ids::AssistantId;
use reef_domain::wire::Provider;
use reef_domain::{FailureCode, State};
use reef_store::{BotRow, PageRow, ReplacedConfiguration, Secrets, Tx, on_both_databases};

use crate::support::{
    NOW, add_assistant, add_unpaid_assistant, add_user, assert_corrupt, at, raw, run, uuid,
};

fn all_secrets() -> Secrets {
    Secrets {
        bot_token: Some(vec![0, 255, 1]),
        bot_token_hash: Some(vec![7; 32]),
        model_key: Some(vec![9]),
        managed_key_hash: Some("or-hash".to_owned()),
        bot_token_fingerprint: Some("0a1b2c3d".to_owned()),
        bot_token_set_at: Some(at(1)),
        model_key_fingerprint: Some("4e5f6a7b".to_owned()),
        model_key_set_at: Some(at(2)),
    }
}

fn replaced() -> ReplacedConfiguration {
    let secrets = Secrets { managed_key_hash: None, ..all_secrets() };
    let (provider, model_id) = (Some(Provider::Anthropic), Some("claude-sonnet-5".to_owned()));
    ReplacedConfiguration { is_fallback: true, replaced_at: at(3), provider, model_id, secrets }
}

fn fingerprint(bytes: &[u8]) -> Secrets {
    Secrets { bot_token_hash: Some(bytes.to_vec()), ..Secrets::default() }
}

async fn page_row(tx: &mut Tx, id: AssistantId) -> PageRow {
    tx.find_page_row(id).await.expect("the database should answer").expect("the row should exist")
}

async fn shown_bot(tx: &mut Tx, id: AssistantId) -> Option<BotRow> {
    let row = page_row(tx, id).await;
    row.bot_id.zip(row.bot_username).map(|(bot_id, bot_username)| BotRow { bot_id, bot_username })
}

async fn checkout_url(tx: &mut Tx, id: AssistantId) -> Option<String> {
    page_row(tx, id).await.checkout_url
}

on_both_databases! {
    async fn page_row_says_what_is_stored_and_not_the_secrets(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        let before = page_row(&mut tx, slot.id).await;
        assert!(!before.has_bot_token && !before.has_model_key && !before.has_fallback);
        let secrets = all_secrets();
        tx.update_secrets(slot.id, &Secrets { model_key: None, ..secrets.clone() }).await.unwrap();
        let row = page_row(&mut tx, slot.id).await;
        assert!(row.has_bot_token && !row.has_model_key);
        assert_eq!(row.bot_token_fingerprint, secrets.bot_token_fingerprint);
        assert_eq!(row.bot_token_set_at, secrets.bot_token_set_at);
        tx.update_secrets(slot.id, &secrets).await.unwrap();
        let row = page_row(&mut tx, slot.id).await;
        assert!(row.has_bot_token && row.has_model_key);
        assert_eq!(row.model_key_fingerprint, secrets.model_key_fingerprint);
        assert_eq!(row.model_key_set_at, secrets.model_key_set_at);
        for is_fallback in [false, true] {
            let replaced = ReplacedConfiguration { is_fallback, ..replaced() };
            tx.upsert_replaced_configuration(slot.id, &replaced).await.unwrap();
            assert_eq!(page_row(&mut tx, slot.id).await.has_fallback, is_fallback);
        }
    }

    async fn bot_is_stored_for_current_run_only(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let deploying = State::Deploying { run: run(3), deadline: at(1) };
        let assistant = add_assistant(&mut tx, user, deploying, NOW).await;
        assert_eq!(shown_bot(&mut tx, assistant.id).await, None);
        let bot = |id: i64| BotRow { bot_id: id, bot_username: format!("b{id}_bot") };
        tx.update_bot(assistant.id, 3, &bot(5_000_000_001)).await.unwrap();
        tx.update_bot(assistant.id, 2, &bot(7)).await.unwrap();
        assert_eq!(shown_bot(&mut tx, assistant.id).await, Some(bot(5_000_000_001)));
    }

    async fn secrets_round_trip_per_assistant(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (slot, other) = (add_unpaid_assistant(&mut tx, user).await, add_unpaid_assistant(&mut tx, user).await);
        assert_eq!(tx.get_secrets(slot.id).await.unwrap(), Secrets::default());
        tx.update_secrets(slot.id, &all_secrets()).await.unwrap();
        assert_eq!(tx.get_secrets(slot.id).await.unwrap(), all_secrets());
        assert_eq!(tx.get_secrets(other.id).await.unwrap(), Secrets::default());
        assert_eq!(tx.get_secrets(AssistantId::new(uuid())).await.unwrap(), Secrets::default());
    }

    async fn absent_secrets_stay(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await;
        tx.update_secrets(slot.id, &all_secrets()).await.unwrap();
        tx.update_secrets(slot.id, &Secrets::default()).await.unwrap();
        assert_eq!(tx.get_secrets(slot.id).await.unwrap(), all_secrets());
        for one in [
            Secrets { bot_token: Some(vec![1]), ..Secrets::default() },
            Secrets { bot_token_hash: Some(vec![2]), ..Secrets::default() },
            Secrets { model_key: Some(vec![3]), ..Secrets::default() },
            Secrets { managed_key_hash: Some("new".to_owned()), ..Secrets::default() },
            Secrets { bot_token_fingerprint: Some("new".to_owned()), bot_token_set_at: Some(at(9)), ..Secrets::default() },
            Secrets { model_key_fingerprint: Some("new".to_owned()), model_key_set_at: Some(at(9)), ..Secrets::default() },
        ] {
            let before = tx.get_secrets(slot.id).await.unwrap();
            tx.update_secrets(slot.id, &one).await.unwrap();
            let expected = Secrets {
                bot_token: one.bot_token.or(before.bot_token),
                bot_token_hash: one.bot_token_hash.or(before.bot_token_hash),
                model_key: one.model_key.or(before.model_key),
                managed_key_hash: one.managed_key_hash.or(before.managed_key_hash),
                bot_token_fingerprint: one.bot_token_fingerprint.or(before.bot_token_fingerprint),
                bot_token_set_at: one.bot_token_set_at.or(before.bot_token_set_at),
                model_key_fingerprint: one.model_key_fingerprint.or(before.model_key_fingerprint),
                model_key_set_at: one.model_key_set_at.or(before.model_key_set_at),
            };
            assert_eq!(tx.get_secrets(slot.id).await.unwrap(), expected);
        }
    }

    async fn secrets_and_checkout_keep_version(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let mut slot = add_unpaid_assistant(&mut tx, user).await;
        tx.update_secrets(slot.id, &all_secrets()).await.unwrap();
        tx.update_checkout(slot.id, "co_1", "https://polar.sh/c/1").await.unwrap();
        assert_eq!(tx.find_assistant(slot.id).await.unwrap().as_ref(), Some(&slot));
        // A later write of the assistant changes neither.
        assert!(tx.update_assistant(&mut slot).await.unwrap());
        assert_eq!(tx.get_secrets(slot.id).await.unwrap(), all_secrets());
        assert_eq!(checkout_url(&mut tx, slot.id).await.as_deref(), Some("https://polar.sh/c/1"));
    }

    async fn checkout_is_found_once_stored(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (slot, other) = (add_unpaid_assistant(&mut tx, user).await, add_unpaid_assistant(&mut tx, user).await);
        assert_eq!(checkout_url(&mut tx, slot.id).await, None);
        tx.update_checkout(slot.id, "co_1", "https://polar.sh/c/1").await.unwrap();
        tx.update_checkout(slot.id, "co_2", "https://polar.sh/c/2").await.unwrap();
        assert_eq!(checkout_url(&mut tx, slot.id).await.as_deref(), Some("https://polar.sh/c/2"));
        assert_eq!(checkout_url(&mut tx, other.id).await, None);
        assert_eq!(tx.find_page_row(AssistantId::new(uuid())).await.unwrap(), None);
    }

    async fn bot_is_taken_by_other_assistant_that_is_not_stopped(db: TestStore) {
        let states = [
            (State::Purchased, true),
            (State::Deploying { run: run(1), deadline: at(1) }, true),
            (State::Active { run: run(1), worker_url: "https://w".to_owned() }, true),
            (State::Failed { run: run(1), failure: FailureCode::DeployTimeout }, true),
            (State::Stopped { run: run(1), reason: None }, false),
        ];
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let asking = add_assistant(&mut tx, user, State::Purchased, NOW).await;
        for (number, (state, taken)) in (0_u8..).zip(states) {
            let holder = add_assistant(&mut tx, user, state, NOW).await;
            let bot = [number; 32];
            tx.update_secrets(holder.id, &fingerprint(&bot)).await.unwrap();
            let status = holder.state.status();
            let answer = tx.is_bot_taken(&bot, asking.id, Some(user)).await.unwrap();
            assert_eq!(answer, taken, "{status}");
            // The assistant itself, those of other users and other bots do not count.
            assert!(!tx.is_bot_taken(&bot, holder.id, Some(user)).await.unwrap(), "{status}");
            assert!(!tx.is_bot_taken(&bot, asking.id, Some(other)).await.unwrap(), "{status}");
            assert!(!tx.is_bot_taken(&[99; 32], asking.id, Some(user)).await.unwrap(), "{status}");
            // Across all users, only a running assistant counts.
            let running = tx.is_bot_taken(&bot, asking.id, None).await.unwrap();
            assert_eq!(running, status == reef_domain::wire::Status::Active, "{status}");
            assert!(!tx.is_bot_taken(&bot, holder.id, None).await.unwrap(), "{status}");
        }
    }

    async fn replaced_configuration_is_kept_until_deleted(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let (slot, other) = (add_unpaid_assistant(&mut tx, user).await.id, add_unpaid_assistant(&mut tx, user).await.id);
        assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), None);
        let bare = ReplacedConfiguration {
            is_fallback: false, replaced_at: at(1), provider: None, model_id: None, secrets: Secrets::default(),
        };
        for replaced in [replaced(), bare, replaced()] {
            tx.upsert_replaced_configuration(slot, &replaced).await.unwrap();
            assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), Some(replaced));
            assert_eq!(tx.find_replaced_configuration(other).await.unwrap(), None);
        }
        // Without the fallback only the bot token remains.
        assert!(tx.discard_fallback(slot).await.unwrap());
        let bot = Secrets { model_key: None, model_key_fingerprint: None, model_key_set_at: None, ..replaced().secrets };
        let dropped = ReplacedConfiguration { is_fallback: false, secrets: bot, ..replaced() };
        assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), Some(dropped));
        tx.delete_replaced_configuration(slot).await.unwrap();
        assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), None);
        assert!(!tx.discard_fallback(slot).await.unwrap());
        let of_key = Secrets { model_key: Some(vec![1]), ..Secrets::default() };
        tx.upsert_replaced_configuration(slot, &ReplacedConfiguration { secrets: of_key, ..replaced() }).await.unwrap();
        assert!(!tx.discard_fallback(slot).await.unwrap(), "no bot token is left");
        assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), None);
        tx.upsert_replaced_configuration(slot, &replaced()).await.unwrap();
        tx.commit().await.unwrap();
        raw!(db, "update replaced_configurations set provider = 'lost' where assistant_id = $1", slot);
        assert_corrupt(db.store.read().await.unwrap().find_replaced_configuration(slot).await, "replaced_configurations", slot);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.delete_assistant(slot, user, NOW).await.unwrap());
        assert_eq!(tx.find_replaced_configuration(slot).await.unwrap(), None);
    }

    async fn replaced_configuration_of_an_active_assistant_is_pruned(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let active = State::Active { run: run(2), worker_url: "https://w".to_owned() };
        let deploying = State::Deploying { run: run(2), deadline: at(1) };
        let (active, deploying) =
            (add_assistant(&mut tx, user, active, NOW).await.id, add_assistant(&mut tx, user, deploying, NOW).await.id);
        for id in [active, deploying] {
            tx.upsert_replaced_configuration(id, &replaced()).await.unwrap();
        }
        assert_eq!(tx.prune_replaced_configurations().await.unwrap(), 1);
        assert_eq!(tx.find_replaced_configuration(active).await.unwrap(), None);
        assert!(tx.find_replaced_configuration(deploying).await.unwrap().is_some());
    }

    async fn replaced_secrets_are_restored_as_they_were(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let user = add_user(&mut tx).await;
        let slot = add_unpaid_assistant(&mut tx, user).await.id;
        let only_bot = Secrets {
            bot_token: Some(vec![1]), bot_token_hash: Some(vec![2]), bot_token_fingerprint: None, bot_token_set_at: None,
            ..Secrets::default()
        };
        tx.update_secrets(slot, &all_secrets()).await.unwrap();
        tx.restore_secrets(slot, &only_bot).await.unwrap();
        let expected = Secrets {
            bot_token: Some(vec![1]), bot_token_hash: Some(vec![2]), bot_token_fingerprint: None, bot_token_set_at: None,
            ..all_secrets()
        };
        assert_eq!(tx.get_secrets(slot).await.unwrap(), expected);
        let only_key = Secrets { model_key: Some(vec![3]), ..Secrets::default() };
        tx.restore_secrets(slot, &only_key).await.unwrap();
        let expected =
            Secrets { model_key: Some(vec![3]), model_key_fingerprint: None, model_key_set_at: None, ..expected };
        assert_eq!(tx.get_secrets(slot).await.unwrap(), expected);
    }

    async fn fallback_bot_is_taken_while_deploying(db: TestStore) {
        let mut tx = db.store.begin().await.unwrap();
        let (user, other) = (add_user(&mut tx).await, add_user(&mut tx).await);
        let asking = add_assistant(&mut tx, user, State::Purchased, NOW).await.id;
        let bot = replaced().secrets.bot_token_hash.unwrap();
        for (state, is_fallback, taken) in [
            (State::Deploying { run: run(2), deadline: at(1) }, true, true),
            (State::Deploying { run: run(2), deadline: at(1) }, false, false),
            (State::Stopped { run: run(2), reason: None }, true, false),
        ] {
            let holder = add_assistant(&mut tx, user, state, NOW).await.id;
            tx.upsert_replaced_configuration(holder, &ReplacedConfiguration { is_fallback, ..replaced() }).await.unwrap();
            assert_eq!(tx.is_bot_taken(&bot, asking, Some(user)).await.unwrap(), taken);
            assert_eq!(tx.is_bot_taken(&bot, asking, None).await.unwrap(), taken);
            assert!(!tx.is_bot_taken(&bot, asking, Some(other)).await.unwrap());
            assert!(!tx.is_bot_taken(&bot, holder, Some(user)).await.unwrap());
            tx.delete_replaced_configuration(holder).await.unwrap();
        }
    }
}
