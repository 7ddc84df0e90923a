use reef_domain::ids::AssistantId;
use reef_store::{ConversationKey, on_both_databases};

use crate::bot_updates::{claim, update};
use crate::conversations::{append_messages, recent_texts};
use crate::support::{NOW, at, uuid};

const GROUP: i64 = -77;
const SUPERGROUP: i64 = -1_001_234;

on_both_databases! {
    async fn migrated_messages_precede_those_of_supergroup(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, assistant, GROUP, &["1", "2", "3"]).await;
        append_messages(&mut tx, assistant, SUPERGROUP, &["4", "5"]).await;
        append_messages(&mut tx, other, GROUP, &["theirs"]).await;
        for _ in 0..3 {
            tx.migrate_chat(assistant, GROUP, SUPERGROUP).await.unwrap();
            assert_eq!(recent_texts(&mut tx, assistant, SUPERGROUP, 10).await, ["1", "2", "3", "4", "5"]);
        }
        assert!(recent_texts(&mut tx, assistant, GROUP, 10).await.is_empty());
        assert_eq!(recent_texts(&mut tx, other, GROUP, 10).await, ["theirs"]);
        append_messages(&mut tx, assistant, SUPERGROUP, &["6"]).await;
        tx.trim_conversation(assistant, ConversationKey::of_chat(SUPERGROUP), 4).await.unwrap();
        assert_eq!(recent_texts(&mut tx, assistant, SUPERGROUP, 10).await, ["3", "4", "5", "6"]);
    }

    async fn migrated_messages_keep_their_order(db: TestStore) {
        let assistant = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, assistant, GROUP, &["1", "2"]).await;
        tx.migrate_chat(assistant, GROUP, SUPERGROUP).await.unwrap();
        append_messages(&mut tx, assistant, SUPERGROUP, &["3"]).await;
        assert_eq!(recent_texts(&mut tx, assistant, SUPERGROUP, 10).await, ["1", "2", "3"]);
    }

    async fn supergroup_is_found_per_assistant(db: TestStore) {
        let (assistant, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        tx.migrate_chat(assistant, GROUP, SUPERGROUP).await.unwrap();
        // Telegram never moves a group twice, so the first record stays.
        tx.migrate_chat(assistant, GROUP, -9).await.unwrap();
        assert_eq!(tx.find_supergroup(assistant, GROUP).await.unwrap(), Some(SUPERGROUP));
        assert_eq!(tx.find_supergroup(assistant, SUPERGROUP).await.unwrap(), None);
        assert_eq!(tx.find_supergroup(other, GROUP).await.unwrap(), None);
        tx.delete_chat_migrations(assistant).await.unwrap();
        assert_eq!(tx.find_supergroup(assistant, GROUP).await.unwrap(), None);
    }

    async fn open_updates_migrate_with_their_retry_time(db: TestStore) {
        let (assistant, token) = (AssistantId::new(uuid()), uuid());
        let mut tx = db.store.begin().await.unwrap();
        tx.insert_bot_update(&update(assistant, GROUP, 1), NOW).await.unwrap();
        let head = claim(&mut tx, assistant, GROUP, token).await.unwrap();
        tx.retry_bot_update(head.id, token, at(500)).await.unwrap();
        tx.migrate_chat(assistant, GROUP, SUPERGROUP).await.unwrap();
        tx.insert_bot_update(&update(assistant, SUPERGROUP, 2), NOW).await.unwrap();
        assert_eq!(claim(&mut tx, assistant, SUPERGROUP, token).await, None);
        let row = tx.claim_bot_update(assistant, SUPERGROUP, token, at(500), at(600)).await.unwrap().unwrap();
        assert_eq!((row.id, row.chat_id), (head.id, SUPERGROUP));
    }
}
