use reef_domain::ids::AssistantId;
use reef_store::{TurnRow, Tx, on_both_databases};

use crate::support::{NOW, uuid};

const CHAT: i64 = -1_001_234_567_890;

fn turn(content: &str) -> TurnRow {
    TurnRow { role: "user".to_owned(), content: content.to_owned() }
}

pub async fn say(tx: &mut Tx, bot: AssistantId, chat: i64, contents: &[&str]) {
    for content in contents {
        // All have the same time, so that only the order of insertion counts.
        tx.append_turn(bot, chat, &turn(content), NOW).await.expect("append should succeed");
    }
}

pub async fn said(tx: &mut Tx, bot: AssistantId, chat: i64, limit: i64) -> Vec<String> {
    let turns = tx.recent_turns(bot, chat, limit).await.expect("list should succeed");
    turns.into_iter().map(|turn| turn.content).collect()
}

on_both_databases! {
    async fn what_was_said_is_read_as_it_was_written(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let turns = [
            turn("hello 🪸\n\"quoted\""),
            TurnRow { role: "assistant".to_owned(), content: String::new() },
            turn(&"long ".repeat(20_000)),
        ];
        let mut tx = db.store.begin().await.unwrap();
        for turn in &turns {
            tx.append_turn(bot, CHAT, turn, NOW).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(db.store.read().await.unwrap().recent_turns(bot, CHAT, 10).await.unwrap(), turns);
    }

    async fn the_last_things_said_come_oldest_first(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        say(&mut tx, bot, CHAT, &["1", "2", "3", "4"]).await;
        assert_eq!(said(&mut tx, bot, CHAT, 2).await, ["3", "4"]);
        assert_eq!(said(&mut tx, bot, CHAT, 10).await, ["1", "2", "3", "4"]);
        assert!(said(&mut tx, bot, CHAT, 0).await.is_empty());
    }

    async fn chats_and_bots_do_not_hear_each_other(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        say(&mut tx, bot, 1, &["a"]).await;
        say(&mut tx, bot, 2, &["b"]).await;
        say(&mut tx, other, 1, &["c"]).await;
        assert_eq!(said(&mut tx, bot, 1, 10).await, ["a"]);
        tx.forget_chat(bot, 1).await.unwrap();
        tx.trim_chat(bot, 1, 0).await.unwrap();
        assert!(said(&mut tx, bot, 1, 10).await.is_empty());
        assert_eq!(said(&mut tx, bot, 2, 10).await, ["b"]);
        assert_eq!(said(&mut tx, other, 1, 10).await, ["c"]);
    }

    async fn an_assistant_forgets_all_its_chats_and_nobody_elses(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        say(&mut tx, bot, 1, &["a"]).await;
        say(&mut tx, bot, 2, &["b"]).await;
        say(&mut tx, other, 1, &["c"]).await;
        tx.forget_chats(bot).await.unwrap();
        assert!(said(&mut tx, bot, 1, 10).await.is_empty());
        assert!(said(&mut tx, bot, 2, 10).await.is_empty());
        assert_eq!(said(&mut tx, other, 1, 10).await, ["c"]);
    }

    async fn a_forgotten_chat_begins_anew(db: TestStore) {
        let bot = AssistantId::new(uuid());
        let mut tx = db.store.begin().await.unwrap();
        say(&mut tx, bot, CHAT, &["1", "2"]).await;
        tx.forget_chat(bot, CHAT).await.unwrap();
        tx.forget_chat(bot, CHAT).await.unwrap();
        say(&mut tx, bot, CHAT, &["3"]).await;
        assert_eq!(said(&mut tx, bot, CHAT, 10).await, ["3"]);
    }

    async fn trimming_keeps_exactly_the_last_things_said(db: TestStore) {
        let (bot, other) = (AssistantId::new(uuid()), AssistantId::new(uuid()));
        let mut tx = db.store.begin().await.unwrap();
        say(&mut tx, bot, CHAT, &["1", "2", "3", "4"]).await;
        say(&mut tx, bot, 7, &["a", "b"]).await;
        say(&mut tx, other, CHAT, &["c", "d"]).await;
        tx.trim_chat(bot, CHAT, 9).await.unwrap();
        assert_eq!(said(&mut tx, bot, CHAT, 10).await.len(), 4);
        tx.trim_chat(bot, CHAT, 3).await.unwrap();
        assert_eq!(said(&mut tx, bot, CHAT, 10).await, ["2", "3", "4"]);
        say(&mut tx, bot, CHAT, &["5"]).await;
        tx.trim_chat(bot, CHAT, 1).await.unwrap();
        assert_eq!(said(&mut tx, bot, CHAT, 10).await, ["5"]);
        tx.trim_chat(bot, CHAT, 0).await.unwrap();
        assert!(said(&mut tx, bot, CHAT, 10).await.is_empty());
        assert_eq!(said(&mut tx, bot, 7, 10).await, ["a", "b"]);
        assert_eq!(said(&mut tx, other, CHAT, 10).await, ["c", "d"]);
    }
}
