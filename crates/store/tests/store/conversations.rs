use reef_domain::ids::AssistantId;
use reef_store::{ConversationKey, MessageRow, Tx, on_both_databases};

use crate::support::{NOW, uuid};

const CHAT: i64 = -1_001_234_567_890;

fn message(content: &str) -> MessageRow {
    MessageRow { role: "user".to_owned(), content: content.to_owned() }
}

pub async fn append_messages(tx: &mut Tx, bot: AssistantId, chat: i64, contents: &[&str]) {
    for content in contents {
        // All have the same time, so that only the order of insertion counts.
        tx.append_message(bot, ConversationKey::of_chat(chat), &message(content), NOW)
            .await
            .expect("append should succeed");
    }
}

pub async fn recent_texts(tx: &mut Tx, bot: AssistantId, chat: i64, limit: i64) -> Vec<String> {
    let turns = tx
        .list_recent_messages(bot, ConversationKey::of_chat(chat), limit)
        .await
        .expect("list should succeed");
    turns.into_iter().map(|turn| turn.content).collect()
}

on_both_databases! {
    async fn messages_round_trip(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let turns = [
            message("hello 🪸\n\"quoted\""),
            MessageRow { role: "assistant".to_owned(), content: String::new() },
            message(&"long ".repeat(20_000)),
        ];
        let mut tx = db.store.begin().await.unwrap();
        for turn in &turns {
            tx.append_message(bot, ConversationKey::of_chat(CHAT), turn, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(db.store.read().await.unwrap().list_recent_messages(bot, ConversationKey::of_chat(CHAT), 10).await.unwrap(), turns);
    }

    async fn recent_messages_are_oldest_first(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, bot, CHAT, &["1", "2", "3", "4"]).await;
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 2).await, ["3", "4"]);
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 10).await, ["1", "2", "3", "4"]);
        assert!(recent_texts(&mut tx, bot, CHAT, 0).await.is_empty());
    }

    async fn conversations_are_separate_per_chat_and_assistant(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, bot, 1, &["a"]).await;
        append_messages(&mut tx, bot, 2, &["b"]).await;
        append_messages(&mut tx, other, 1, &["c"]).await;
        assert_eq!(recent_texts(&mut tx, bot, 1, 10).await, ["a"]);
        tx.delete_conversation(bot, ConversationKey::of_chat(1)).await.unwrap();
        tx.trim_conversation(bot, ConversationKey::of_chat(1), 0).await.unwrap();
        assert!(recent_texts(&mut tx, bot, 1, 10).await.is_empty());
        assert_eq!(recent_texts(&mut tx, bot, 2, 10).await, ["b"]);
        assert_eq!(recent_texts(&mut tx, other, 1, 10).await, ["c"]);
    }

    async fn conversations_of_one_assistant_are_deleted(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, bot, 1, &["a"]).await;
        append_messages(&mut tx, bot, 2, &["b"]).await;
        append_messages(&mut tx, other, 1, &["c"]).await;
        tx.delete_conversations(bot).await.unwrap();
        assert!(recent_texts(&mut tx, bot, 1, 10).await.is_empty());
        assert!(recent_texts(&mut tx, bot, 2, 10).await.is_empty());
        assert_eq!(recent_texts(&mut tx, other, 1, 10).await, ["c"]);
    }

    async fn deleted_conversation_starts_over(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, bot, CHAT, &["1", "2"]).await;
        tx.delete_conversation(bot, ConversationKey::of_chat(CHAT)).await.unwrap();
        tx.delete_conversation(bot, ConversationKey::of_chat(CHAT)).await.unwrap();
        append_messages(&mut tx, bot, CHAT, &["3"]).await;
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 10).await, ["3"]);
    }

    async fn trim_keeps_exactly_the_last_messages(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        append_messages(&mut tx, bot, CHAT, &["1", "2", "3", "4"]).await;
        append_messages(&mut tx, bot, 7, &["a", "b"]).await;
        append_messages(&mut tx, other, CHAT, &["c", "d"]).await;
        tx.trim_conversation(bot, ConversationKey::of_chat(CHAT), 9).await.unwrap();
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 10).await.len(), 4);
        tx.trim_conversation(bot, ConversationKey::of_chat(CHAT), 3).await.unwrap();
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 10).await, ["2", "3", "4"]);
        append_messages(&mut tx, bot, CHAT, &["5"]).await;
        tx.trim_conversation(bot, ConversationKey::of_chat(CHAT), 1).await.unwrap();
        assert_eq!(recent_texts(&mut tx, bot, CHAT, 10).await, ["5"]);
        tx.trim_conversation(bot, ConversationKey::of_chat(CHAT), 0).await.unwrap();
        assert!(recent_texts(&mut tx, bot, CHAT, 10).await.is_empty());
        assert_eq!(recent_texts(&mut tx, bot, 7, 10).await, ["a", "b"]);
        assert_eq!(recent_texts(&mut tx, other, CHAT, 10).await, ["c", "d"]);
    }
}
