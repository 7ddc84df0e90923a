use reef_domain::ids::AssistantId;
use reef_store::{NewBotUpdate, on_both_databases};

use crate::bot_updates::{claim, update, worker};
use crate::support::{NOW, at, uuid};

on_both_databases! {
    async fn due_chats_alternate_between_assistants(db: TestStore) {
        let (busy, quiet) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for assistant in [busy, quiet] {
            tx.upsert_worker(&worker(assistant)).await.unwrap();
        }
        for chat in 1..=300 {
            tx.insert_bot_update(&update(busy, chat, chat), at(chat)).await.unwrap();
        }
        for chat in 1..=2 {
            tx.insert_bot_update(&update(quiet, chat, chat), at(1_000 + chat)).await.unwrap();
        }
        let due = tx.list_due_chats(at(5_000), 5).await.unwrap();
        assert_eq!(due, [(busy, 1), (quiet, 1), (busy, 2), (quiet, 2), (busy, 3)]);
    }

    async fn next_retry_is_the_earliest_one(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.find_next_retry_at(NOW).await.unwrap(), None);
        for (chat, until) in [(1, 700), (2, 500), (3, -1)] {
            tx.insert_bot_update(&update(assistant, chat, chat), NOW).await.unwrap();
            let row = claim(&mut tx, assistant, chat, token).await.unwrap();
            tx.retry_bot_update(row.id, token, at(until)).await.unwrap();
        }
        // A lease is not a wait for a retry.
        tx.insert_bot_update(&update(assistant, 4, 4), NOW).await.unwrap();
        claim(&mut tx, assistant, 4, token).await.unwrap();
        assert_eq!(tx.find_next_retry_at(NOW).await.unwrap(), Some(at(500)));
        assert_eq!(tx.find_next_retry_at(at(500)).await.unwrap(), Some(at(700)));
        assert_eq!(tx.find_next_retry_at(at(700)).await.unwrap(), None);
    }

    async fn update_with_not_before_delays_its_chat(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        let new = NewBotUpdate { not_before: Some(at(50)), ..update(assistant, 1, 1) };
        tx.insert_bot_update(&new, NOW).await.unwrap();
        assert_eq!(tx.find_next_retry_at(NOW).await.unwrap(), Some(at(50)));
        assert_eq!(claim(&mut tx, assistant, 1, uuid()).await, None);
        assert!(tx.claim_bot_update(assistant, 1, uuid(), at(50), at(90)).await.unwrap().is_some());
    }

    async fn postponed_update_counts_no_attempt(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        for round in 0..20 {
            let now = at(round * 10);
            let row = tx.claim_bot_update(assistant, 1, token, now, at(round * 10 + 5)).await.unwrap().unwrap();
            assert_eq!(row.attempts, 1);
            tx.postpone_bot_update(row.id, token, at(round * 10 + 10)).await.unwrap();
            assert_eq!(tx.claim_bot_update(assistant, 1, token, at(round * 10 + 9), at(9_999)).await.unwrap(), None);
        }
    }

    async fn chat_cancellation_keeps_later_updates_and_other_chats(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for (owner, chat, number, received) in
            [(assistant, 1, 1, 0), (assistant, 1, 2, 5), (assistant, 1, 3, 6), (assistant, 2, 4, 0), (other, 1, 5, 0)]
        {
            tx.insert_bot_update(&update(owner, chat, number), at(received)).await.unwrap();
        }
        let another_bot = NewBotUpdate { bot_id: 8, ..update(assistant, 1, 6) };
        tx.insert_bot_update(&another_bot, NOW).await.unwrap();
        let bot = update(assistant, 1, 1).bot_id;
        assert_eq!(tx.cancel_chat_updates(assistant, bot, 1, at(5)).await.unwrap(), 2);
        assert_eq!(tx.cancel_chat_updates(assistant, bot, 1, at(5)).await.unwrap(), 0);
        assert_eq!(tx.count_open_bot_updates(assistant).await.unwrap(), 3);
        assert_eq!(tx.count_open_bot_updates(other).await.unwrap(), 1);
    }

    async fn album_parts_are_listed_per_chat_with_sent_parts(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let part = |chat, number, group: &str| NewBotUpdate {
            media_group_id: Some(group.to_owned()),
            ..update(assistant, chat, number)
        };
        let mut tx = db.store.begin().await.unwrap();
        for new in [part(1, 1, "a"), part(1, 2, "a"), part(1, 3, "b"), part(2, 4, "a"), update(assistant, 1, 5)] {
            tx.insert_bot_update(&new, NOW).await.unwrap();
        }
        let head = claim(&mut tx, assistant, 1, token).await.unwrap();
        tx.save_answer(head.id, token, "{}").await.unwrap();
        assert!(tx.replace_answer(head.id, token, "{\"shorter\":1}").await.unwrap());
        tx.update_sent_parts(head.id, token, 1).await.unwrap();
        tx.finish_bot_update(head.id, token, NOW).await.unwrap();
        assert!(!tx.replace_answer(head.id, token, "{}").await.unwrap());
        let parts = tx.list_album_parts(assistant, 1, "a").await.unwrap();
        let seen: Vec<_> =
            parts.iter().map(|part| (part.update_id, part.body.is_empty(), part.sent_parts)).collect();
        assert_eq!(seen, [(1, true, 1), (2, false, 0)]);
    }
    async fn waiting_updates_are_those_of_a_chat_without_answer(db: TestStore) {
        let (assistant, other, token) = (AssistantId::new(uuid()), AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for (owner, chat, number) in [(assistant, 1, 3), (assistant, 1, 1), (assistant, 1, 2), (assistant, 2, 4), (other, 1, 5)] {
            tx.insert_bot_update(&update(owner, chat, number), NOW).await.unwrap();
        }
        tx.insert_bot_update(&NewBotUpdate { bot_id: 8, ..update(assistant, 1, 6) }, NOW).await.unwrap();
        let bot = update(assistant, 1, 1).bot_id;
        let numbers = |rows: Vec<reef_store::AlbumPartRow>| rows.iter().map(|row| row.update_id).collect::<Vec<_>>();
        assert_eq!(numbers(tx.list_waiting_updates(assistant, bot, 1).await.unwrap()), [1, 2, 3]);
        let head = claim(&mut tx, assistant, 1, token).await.unwrap();
        tx.save_answer(head.id, token, "{}").await.unwrap();
        tx.finish_covered_update(assistant, bot, 2, NOW).await.unwrap();
        assert_eq!(numbers(tx.list_waiting_updates(assistant, bot, 1).await.unwrap()), [3]);
    }
}
