use reef_domain::ids::{AssistantId, UpdateRowId};
use reef_store::{BotUpdateRow, NewBotUpdate, Tx, WorkerRow, on_both_databases};
use uuid::Uuid;

use crate::support::{NOW, at, raw_rows, uuid, worker_name};

/// Telegram's ids exceed 32 bits, and those of groups are negative.
const GROUP: i64 = -1_001_234_567_890;
const BOT: i64 = 7_123_456_789;

/// An update of [`BOT`] that is not stored.
pub fn update(assistant_id: AssistantId, chat_id: i64, update_id: i64) -> NewBotUpdate {
    let body = format!("{{\"update_id\":  {update_id}}}");
    NewBotUpdate {
        id: UpdateRowId::new(uuid()),
        assistant_id,
        bot_id: BOT,
        update_id,
        chat_id,
        body,
        media_group_id: None,
        not_before: None,
    }
}

/// Claims the head of a chat at [`NOW`] for 100 ms.
pub async fn claim(tx: &mut Tx, assistant: AssistantId, chat: i64, token: Uuid) -> Option<BotUpdateRow> {
    tx.claim_bot_update(assistant, chat, token, NOW, at(100)).await.expect("claim should succeed")
}

pub fn worker(assistant_id: AssistantId) -> WorkerRow {
    WorkerRow {
        worker_name: worker_name(),
        assistant_id,
        generation: 1,
        settings: vec![],
        polling: false,
        poll_offset: 0,
        started_at: NOW,
    }
}

on_both_databases! {
    async fn claimed_update_has_what_was_inserted(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let new = update(assistant, GROUP, 5_000_000_000);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_bot_update(&new, at(-5)).await.unwrap());
        let row = claim(&mut tx, assistant, GROUP, uuid()).await.unwrap();
        assert_eq!((row.id, row.assistant_id, row.bot_id), (new.id, assistant, BOT));
        assert_eq!((row.update_id, row.chat_id, row.body), (5_000_000_000, GROUP, new.body));
        assert_eq!((row.answer, row.sent_parts, row.attempts, row.received_at), (None, 0, 1, at(-5)));
    }

    async fn repeated_update_is_refused_even_after_it_is_done(db: TestStore) {
        let (assistant, other, token) = (AssistantId::new(uuid()), AssistantId::new(uuid()), uuid());
        let first = update(assistant, 1, 10);
        let mut tx = db.store.begin().await.unwrap();
        assert!(tx.insert_bot_update(&first, NOW).await.unwrap());
        assert!(!tx.insert_bot_update(&update(assistant, 1, 10), NOW).await.unwrap());
        assert!(!tx.insert_bot_update(&update(assistant, 2, 10), NOW).await.unwrap());
        assert_eq!(tx.count_open_bot_updates(assistant).await.unwrap(), 1);
        claim(&mut tx, assistant, 1, token).await.unwrap();
        tx.finish_bot_update(first.id, token, NOW).await.unwrap();
        assert!(!tx.insert_bot_update(&update(assistant, 1, 10), NOW).await.unwrap());
        assert_eq!(tx.count_open_bot_updates(assistant).await.unwrap(), 0);
        // Update ids are unique within one bot of one assistant only.
        assert!(tx.insert_bot_update(&update(other, 1, 10), NOW).await.unwrap());
        let new_bot = NewBotUpdate { bot_id: 8, ..update(assistant, 1, 10) };
        assert!(tx.insert_bot_update(&new_bot, NOW).await.unwrap());
        assert_eq!(tx.count_open_bot_updates(other).await.unwrap(), 1);
    }

    async fn updates_of_a_chat_are_claimed_by_number(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        for (number, received) in [(12, 0), (10, 1), (11, 2)] {
            tx.insert_bot_update(&update(assistant, 1, number), at(received)).await.unwrap();
        }
        tx.insert_bot_update(&update(assistant, 2, 1), NOW).await.unwrap();
        tx.insert_bot_update(&update(other, 1, 1), NOW).await.unwrap();
        let mut order = Vec::new();
        let token = uuid();
        while let Some(row) = claim(&mut tx, assistant, 1, token).await {
            order.push(row.update_id);
            tx.finish_bot_update(row.id, token, NOW).await.unwrap();
        }
        assert_eq!(order, [10, 11, 12]);
        assert_eq!(tx.count_open_bot_updates(assistant).await.unwrap(), 1);
        assert_eq!(claim(&mut tx, assistant, 3, token).await, None);
    }

    async fn saved_answer_outlives_lease(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        let row = claim(&mut tx, assistant, 1, holder).await.unwrap();
        let answer = r#"["Ünï 🪸 \u0000",  "two"]"#;
        assert!(tx.save_answer(row.id, holder, answer).await.unwrap());
        assert!(!tx.save_answer(row.id, holder, "another").await.unwrap());
        assert!(tx.update_sent_parts(row.id, holder, 1).await.unwrap());
        let row = tx.claim_bot_update(assistant, 1, rival, at(100), at(200)).await.unwrap().unwrap();
        assert_eq!((row.answer.as_deref(), row.sent_parts, row.attempts), (Some(answer), 1, 2));
    }

    async fn preview_message_outlives_lease(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, GROUP, 1), NOW).await.unwrap();
        let row = claim(&mut tx, assistant, GROUP, holder).await.unwrap();
        assert_eq!(row.preview_message_id, None);
        assert!(tx.update_preview_message(row.id, holder, 5_000_000_001).await.unwrap());
        assert!(!tx.update_preview_message(row.id, rival, 7).await.unwrap());
        let row = tx.claim_bot_update(assistant, GROUP, rival, at(100), at(200)).await.unwrap().unwrap();
        assert_eq!(row.preview_message_id, Some(5_000_000_001));
        assert!(!tx.update_preview_message(row.id, holder, 7).await.unwrap(), "the lease is lost");
        tx.finish_bot_update(row.id, rival, at(101)).await.unwrap();
        assert!(!tx.update_preview_message(row.id, rival, 7).await.unwrap(), "the update is done");
    }

    async fn writes_without_lease_are_refused(db: TestStore) {
        let (assistant, holder, rival) = (AssistantId::new(uuid()), uuid(), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&worker(assistant)).await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, holder).await.unwrap().id;
        tx.claim_bot_update(assistant, 1, rival, at(100), at(200)).await.unwrap().unwrap();
        assert!(!tx.renew_bot_update_lease(id, holder, 1, at(900)).await.unwrap());
        assert!(!tx.save_answer(id, holder, "late").await.unwrap());
        assert!(!tx.update_sent_parts(id, holder, 9).await.unwrap());
        tx.finish_bot_update(id, holder, at(101)).await.unwrap();
        tx.retry_bot_update(id, holder, at(101)).await.unwrap();
        tx.postpone_bot_update(id, holder, at(101)).await.unwrap();
        assert!(!tx.replace_answer(id, holder, "late").await.unwrap());
        tx.release_bot_update(id, holder).await.unwrap();
        assert_eq!(tx.claim_bot_update(assistant, 1, holder, at(199), at(299)).await.unwrap(), None);
        let row = tx.claim_bot_update(assistant, 1, holder, at(200), at(300)).await.unwrap().unwrap();
        assert_eq!((row.answer, row.sent_parts, row.attempts), (None, 0, 3));
    }

    async fn finished_update_keeps_number_without_text(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        let id = claim(&mut tx, assistant, 1, token).await.unwrap().id;
        assert!(tx.save_answer(id, token, "private").await.unwrap());
        tx.finish_bot_update(id, token, at(5)).await.unwrap();
        assert!(!tx.save_answer(id, token, "late").await.unwrap());
        assert_eq!(claim(&mut tx, assistant, 1, token).await, None);
        tx.commit().await.unwrap();
        let rows = raw_rows!(
            db,
            (i64, String, bool, reef_domain::Timestamp),
            "select update_id, body, answer is null, done_at from bot_updates",
        );
        assert_eq!(rows, [(1, String::new(), true, at(5))]);
    }

    async fn due_chats_are_ordered_by_oldest_update_and_need_worker(db: TestStore) {
        let (assistant, idle) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let running = worker(assistant);
        let mut tx = db.store.begin().await.unwrap();
        tx.upsert_worker(&running).await.unwrap();
        tx.insert_bot_update(&update(idle, 1, 1), at(-100)).await.unwrap();
        for (chat, number, received) in [(1, 1, 20), (1, 2, 21), (2, 3, 10), (3, 4, 30)] {
            tx.insert_bot_update(&update(assistant, chat, number), at(received)).await.unwrap();
        }
        let chats = |numbers: &[i64]| numbers.iter().map(|chat| (assistant, *chat)).collect::<Vec<_>>();
        assert_eq!(tx.list_due_chats(NOW, 10).await.unwrap(), chats(&[2, 1, 3]));
        assert_eq!(tx.list_due_chats(NOW, 2).await.unwrap(), chats(&[2, 1]));
        // A chat with a lease is not due, even if it has more updates.
        let token = uuid();
        let head = claim(&mut tx, assistant, 1, token).await.unwrap();
        assert_eq!(tx.list_due_chats(at(99), 10).await.unwrap(), chats(&[2, 3]));
        assert_eq!(tx.list_due_chats(at(100), 10).await.unwrap(), chats(&[2, 1, 3]));
        tx.finish_bot_update(head.id, token, NOW).await.unwrap();
        assert_eq!(tx.list_due_chats(NOW, 10).await.unwrap(), chats(&[2, 1, 3]));
        assert!(tx.delete_worker(&running.worker_name, 1).await.unwrap());
        assert_eq!(tx.list_due_chats(NOW, 10).await.unwrap(), []);
    }

    async fn updates_of_a_bot_or_all_others_are_discarded(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        for (bot_id, number) in [(1, 1), (1, 2), (2, 1), (3, 1)] {
            let new = NewBotUpdate { bot_id, ..update(assistant, 1, number) };
            assert!(tx.insert_bot_update(&new, NOW).await.unwrap());
        }
        assert_eq!(tx.discard_updates_of_bot(assistant, 1, at(5)).await.unwrap(), 2);
        assert_eq!(tx.discard_updates_of_bot(assistant, 1, at(6)).await.unwrap(), 0);
        assert_eq!(tx.discard_updates_of_other_bots(assistant, 2, at(7)).await.unwrap(), 1);
        assert_eq!(tx.discard_updates_of_other_bots(AssistantId::new(uuid()), 9, at(8)).await.unwrap(), 0);
        assert_eq!(claim(&mut tx, assistant, 1, uuid()).await.map(|row| row.bot_id), Some(2));
        tx.commit().await.unwrap();
        let ended = raw_rows!(
            db,
            (i64, String, Option<reef_domain::Timestamp>),
            "select bot_id, body, done_at from bot_updates where done_at is not null order by bot_id, update_id",
        );
        let empty = String::new;
        let expected = [(1, empty(), Some(at(5))), (1, empty(), Some(at(5))), (3, empty(), Some(at(7)))];
        assert_eq!(ended, expected);
    }

    async fn bot_updates_of_one_assistant_are_deleted(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, 1, 1), NOW).await.unwrap();
        tx.insert_bot_update(&update(other, 1, 1), NOW).await.unwrap();
        tx.delete_bot_updates(assistant).await.unwrap();
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (AssistantId,), "select assistant_id from bot_updates");
        assert_eq!(left, [(other,)]);
    }

    async fn prune_keeps_newer_and_leased_updates(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        for (chat, received, done) in [(1, -9, Some(-1)), (2, -1, None), (3, 0, Some(0)), (4, 0, None), (5, -9, Some(0)), (6, -9, None)] {
            tx.insert_bot_update(&update(assistant, chat, chat), at(received)).await.unwrap();
            if let Some(done) = done {
                let row = claim(&mut tx, assistant, chat, token).await.unwrap();
                tx.finish_bot_update(row.id, token, at(done)).await.unwrap();
            }
        }
        // The last update has a lease.
        claim(&mut tx, assistant, 6, token).await.unwrap();
        assert_eq!(tx.prune_bot_updates(NOW).await.unwrap(), 2);
        assert_eq!(tx.prune_bot_updates(NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let left = raw_rows!(db, (i64,), "select chat_id from bot_updates order by chat_id");
        assert_eq!(left, [(3,), (4,), (5,), (6,)]);
    }
}
