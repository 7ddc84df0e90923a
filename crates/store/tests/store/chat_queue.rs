use reef_domain::ids::AssistantId;
use reef_store::{NewUpdate, on_both_databases};

use crate::bots::{claim, update, worker};
use crate::support::{NOW, at, uuid};

on_both_databases! {
    async fn due_chats_lets_assistants_take_turns(db: TestStore) {
        let (busy, quiet) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for assistant in [busy, quiet] {
            tx.put_worker(&worker(assistant)).await.unwrap();
        }
        for chat in 1..=300 {
            tx.insert_update(&update(busy, chat, chat), at(chat)).await.unwrap();
        }
        for chat in 1..=2 {
            tx.insert_update(&update(quiet, chat, chat), at(1_000 + chat)).await.unwrap();
        }
        let due = tx.due_chats(at(5_000), 5).await.unwrap();
        assert_eq!(due, [(busy, 1), (quiet, 1), (busy, 2), (quiet, 2), (busy, 3)]);
    }

    async fn next_due_update_is_the_earliest_rest_to_come(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        assert_eq!(tx.next_due_update(NOW).await.unwrap(), None);
        for (chat, until) in [(1, 700), (2, 500), (3, -1)] {
            tx.insert_update(&update(assistant, chat, chat), NOW).await.unwrap();
            let row = claim(&mut tx, assistant, chat, token).await.unwrap();
            tx.rest_update(row.id, token, at(until)).await.unwrap();
        }
        // A lease is not a wait for a retry.
        tx.insert_update(&update(assistant, 4, 4), NOW).await.unwrap();
        claim(&mut tx, assistant, 4, token).await.unwrap();
        assert_eq!(tx.next_due_update(NOW).await.unwrap(), Some(at(500)));
        assert_eq!(tx.next_due_update(at(500)).await.unwrap(), Some(at(700)));
        assert_eq!(tx.next_due_update(at(700)).await.unwrap(), None);
    }

    async fn insert_update_not_before_a_time_holds_up_its_chat_until_then(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        let new = NewUpdate { not_before: Some(at(50)), ..update(assistant, 1, 1) };
        tx.insert_update(&new, NOW).await.unwrap();
        assert_eq!(tx.next_due_update(NOW).await.unwrap(), Some(at(50)));
        assert_eq!(claim(&mut tx, assistant, 1, uuid()).await, None);
        assert!(tx.claim_update(assistant, 1, uuid(), at(50), at(90)).await.unwrap().is_some());
    }

    async fn postpone_update_counts_no_attempt(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_update(&update(assistant, 1, 1), NOW).await.unwrap();
        for round in 0..20 {
            let now = at(round * 10);
            let row = tx.claim_update(assistant, 1, token, now, at(round * 10 + 5)).await.unwrap().unwrap();
            assert_eq!(row.attempts, 1);
            tx.postpone_update(row.id, token, at(round * 10 + 10)).await.unwrap();
            assert_eq!(tx.claim_update(assistant, 1, token, at(round * 10 + 9), at(9_999)).await.unwrap(), None);
        }
    }

    async fn cancel_chat_updates_spares_what_came_later_and_other_chats(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for (owner, chat, number, received) in
            [(assistant, 1, 1, 0), (assistant, 1, 2, 5), (assistant, 1, 3, 6), (assistant, 2, 4, 0), (other, 1, 5, 0)]
        {
            tx.insert_update(&update(owner, chat, number), at(received)).await.unwrap();
        }
        let another_bot = NewUpdate { bot_id: 8, ..update(assistant, 1, 6) };
        tx.insert_update(&another_bot, NOW).await.unwrap();
        let bot = update(assistant, 1, 1).bot_id;
        assert_eq!(tx.cancel_chat_updates(assistant, bot, 1, at(5)).await.unwrap(), 2);
        assert_eq!(tx.cancel_chat_updates(assistant, bot, 1, at(5)).await.unwrap(), 0);
        assert_eq!(tx.count_open_updates(assistant).await.unwrap(), 3);
        assert_eq!(tx.count_open_updates(other).await.unwrap(), 1);
    }

    async fn album_parts_are_those_of_the_chat_with_what_was_sent(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let part = |chat, number, group: &str| NewUpdate {
            media_group_id: Some(group.to_owned()),
            ..update(assistant, chat, number)
        };
        let mut tx = db.store.begin().await.unwrap();
        for new in [part(1, 1, "a"), part(1, 2, "a"), part(1, 3, "b"), part(2, 4, "a"), update(assistant, 1, 5)] {
            tx.insert_update(&new, NOW).await.unwrap();
        }
        let head = claim(&mut tx, assistant, 1, token).await.unwrap();
        tx.save_answer(head.id, token, "{}").await.unwrap();
        assert!(tx.replace_answer(head.id, token, "{\"shorter\":1}").await.unwrap());
        tx.set_sent_parts(head.id, token, 1).await.unwrap();
        tx.finish_update(head.id, token, NOW).await.unwrap();
        assert!(!tx.replace_answer(head.id, token, "{}").await.unwrap());
        let parts = tx.album_parts(assistant, 1, "a").await.unwrap();
        let seen: Vec<_> =
            parts.iter().map(|part| (part.update_id, part.body.is_empty(), part.sent_parts)).collect();
        assert_eq!(seen, [(1, true, 1), (2, false, 0)]);
    }
}
